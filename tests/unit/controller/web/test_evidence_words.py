"""Whatever figure a shipped policy gives as evidence is read with a label and a unit."""

from __future__ import annotations

import re

import pytest

from controller.analysis.read_policy import read_policy
from controller.analysis.verdicts import _ALWAYS, name_of
from controller.idle.library import shipped, shipped_names
from controller.web import language
from controller.web.pages.evidence_words import evidence


def _names() -> list[str]:
    """Of every figure that any policy of the package can leave as evidence."""
    names = {key for key, _signal, _statistic in _ALWAYS}
    for each in shipped_names():
        found = shipped("policy", each)
        assert found
        for rule in read_policy(found.body).rules:
            for test in rule.tests:
                name = name_of(test, rule)
                names |= {name, f"{name}_worst"} if name.startswith("days_c") else {name}
            for fit in rule.fit:
                name = f"{fit.condition.signal}_{fit.condition.statistic}"
                names |= {name, f"{name}_on_new_size"}
    return sorted(names)


@pytest.mark.parametrize("code", ["zh", "en"])
@pytest.mark.parametrize("name", _names())
def test_no_name_of_the_machinery_is_shown(name: str, code: str) -> None:
    label, figure = evidence(name, 12.3456, language.text(code))
    assert not re.search(r"_|pct|P99 5", label), label
    assert label
    assert figure
    if code == "en":
        assert label.isascii(), label


def test_figures_have_their_unit() -> None:
    _ = language.text("zh")
    assert evidence("cpu_used_pct_p99_5_on_new_size", 56.3, _) == (
        "CPU 使用率 P99.5（换为建议规格后）", "56.3\u00a0%",
    )  # fmt: skip
    assert evidence("days_cpu_used_pct_mean", 30.0, _) == ("CPU 使用率 日均值符合条件的天数", "30")
    assert evidence("days_cpu_used_pct_mean_worst", 3.06, _)[1] == "3.1\u00a0%"
    assert evidence("cpu_used_pct_max_3d", 1.5, _)[0] == "CPU 使用率 最高（近 3 天）"
    assert evidence("days_net_bytes_s_total_worst", 5 * 2**20, _)[1].endswith("MB")
    assert evidence("net_rx_bytes_s_p95", 250.0, _)[1].endswith("bps")
    assert evidence("somebody's own", "words", _) == ("somebody's own", "words")
