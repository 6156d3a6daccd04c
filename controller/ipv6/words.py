"""The words of the report, in both languages."""

from __future__ import annotations

WORDS = {
    "zh": {
        "title": "IPv6 支持度报告", "summary": "概况", "units": "单位", "sites": "网站与系统",
        "hosts": "主机", "devices": "网络设备", "traffic": "流量占比", "official": "官方监测结果",
        "unit": "单位", "score": "得分", "known": "已知权重（%）", "measured": "已测",
        "reachable": "IPv6 可达", "passing": "达标", "count": "网站与系统数",
        "action": "最能提分的措施", "gain": "可提升（分）", "on": "涉及", "site": "名称",
        "url": "地址", "at": "测量时间", "vantage": "测量位置", "index": "指标", "remedy": "措施",
        "host": "编码", "name": "名称", "system": "业务系统", "share": "IPv6 流量占比（%）",
        "hosts_told": "已判定主机", "hosts_passing": "达标主机", "day": "日期 / 单位",
        "v4": "IPv4 字节", "v6": "IPv6 字节", "source": "来源", "official_score": "官方得分",
        "ours": "本系统得分", "lost": "不达标项",
        "untold": "未列出（采集端尚未上报或篇幅所限）主机数：",
        "unknown": "未知", "made": "生成时间",
        "target": "国家目标（2025 年，固定网络）27 %",
        "method": "得分为各指标得分之和占适用权重的百分比；未测到的不计入，覆盖不足 60 % 不给分。",
    },
    "en": {
        "title": "IPv6 readiness report", "summary": "Summary", "units": "Units", "sites": "Sites",
        "hosts": "Hosts", "devices": "Devices", "traffic": "Traffic share",
        "official": "Official results", "unit": "Unit", "score": "Score", "known": "Known (%)",
        "measured": "Measured", "reachable": "Reachable over IPv6", "passing": "Passing",
        "count": "Sites and systems", "action": "What raises the score most", "gain": "Points",
        "on": "On", "site": "Name", "url": "Address", "at": "Measured at", "vantage": "Seen from",
        "index": "Index", "remedy": "Remedy", "host": "Code", "name": "Name",
        "system": "Business system", "share": "IPv6 in traffic (%)", "hosts_told": "Hosts judged",
        "hosts_passing": "Hosts passing", "day": "Day / unit", "v4": "IPv4 bytes",
        "v6": "IPv6 bytes", "source": "Source", "official_score": "Official score",
        "ours": "Our score", "lost": "Fails",
        "untold": "Hosts not listed (not told yet, or for length):",
        "unknown": "unknown", "made": "Made",
        "target": "National target (2025, fixed networks) 27 %",
        "method": "Points of the indicators as a share of the weights that apply; what was not "
        "measured is left out, below 60 % known there is no score.",
    },
}  # fmt: skip
