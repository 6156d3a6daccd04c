"""What a run may be: which playbook, in which stages, and what to do should nobody see its end.

To add one: a playbook under playbooks/ whose plays and tasks are named ``阶段|N/M|…`` and that says
``阶段|N/M`` of every stage named here, and a row in RUN_KINDS. What a task wants kept it returns as
``yunxun_marker`` (a small object: stage, state, digest …); an inspecting playbook returns
``yunxun_found`` (one of FOUND) for each host. Both go with ``ansible.builtin.set_fact`` or come
from a module of ours. A kind that changes hosts is never killed by a cancel: the file
``yunxun_cancel_file`` appears, and the playbook looks for it between its stages.
"""

from __future__ import annotations

from dataclasses import dataclass

FOUND = (
    "untouched", "changed", "confirmed", "rolled_back", "armed", "rollback_unverified",
    "needs_hands", "unreachable",
)  # fmt: skip
"""What an inspection can find, from nothing happened to somebody has to go there."""


@dataclass(frozen=True)
class RunKind:
    """``playbook`` "" is the judge alone: no host is touched."""

    name: str
    playbook: str
    stages: tuple[str, ...]
    """In Chinese, as the pages show them; an English page translates them."""
    changes: bool = False
    """Whether it changes hosts: needs an approval, and is not killed by a cancel."""
    collects: bool = False
    """Whether its hosts' bundles are kept and judged."""
    inspect: str = ""
    """Playbook that looks, reading only, at what an abnormal end left behind."""
    needs: str = ""
    """What it carries out and is started by alone: ``plan``, an approved cut-over plan; ``bundle``,
    a signed agent."""
    way_back: bool = False
    """Whether it takes back what was approved: that needs no word of its own, at any time."""
    by_host: str = ""
    """The variable that holds something for each host, by name: a host is given its own part only.
    Every task would else read the whole of it."""


CUTOVER_STAGES = ("检查", "备份", "定时回退", "变更", "等待", "验证", "确认", "固化", "结论")

RUN_KINDS: tuple[RunKind, ...] = (
    RunKind("check", "collect.yml", ("采集", "研判"), collects=True),
    RunKind("judge", "", ("研判",)),
    RunKind("enable_ipv6", "enable_ipv6.yml", ("变更", "汇总"), changes=True,
            inspect="inspect_ipv6.yml"),
    RunKind("cutover", "cutover.yml", CUTOVER_STAGES, changes=True, inspect="where.yml",
            needs="plan", by_host="cutover_hosts"),
    RunKind("rollback", "rollback.yml", CUTOVER_STAGES, changes=True, inspect="where.yml",
            needs="plan", way_back=True, by_host="cutover_hosts"),
    RunKind("rollout", "deploy_agent.yml", ("放行", "检查", "发送", "注册", "切换", "结论"),
            changes=True, inspect="where_agent.yml", needs="bundle"),
    RunKind("inspect", "", ("查看",)),
)  # fmt: skip
"""Every kind; ``inspect`` plays the playbook that the inspected run's kind names."""

BY_NAME = {kind.name: kind for kind in RUN_KINDS}
CHANGING = tuple(kind.name for kind in RUN_KINDS if kind.changes)
