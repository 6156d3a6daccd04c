"""The report over more hosts than paper holds: the worst are printed, the workbook holds all."""

from __future__ import annotations

import io

import openpyxl

from controller.access.scope import CITY
from controller.readiness import judging, projects, report, runs
from controller.readiness.projects import WantedHost
from playbooks.judge.results import Status
from tests.unit.controller.readiness.conftest import NOW, Desk
from tests.unit.controller.readiness.test_runs import judged, result

HOSTS = report.MOST_ROWS + 10
WORST = "h-209"


def _many(desk: Desk) -> report.ReportData:
    """Hosts with one blocker each; the last by name has two."""
    names = [f"h-{number:03}" for number in range(HOSTS)]
    assert names[-1] == WORST
    with desk.database.write() as session:
        project = desk.project(session)
        wanted = [WantedHost(name=name, address="10.0.0.1") for name in names]
        projects.set_hosts(session, CITY, project, wanted, NOW, replace=True)
        run = runs.enqueue(session, project, "check", by="wang", now=NOW)
        for name in names:
            host = projects.find_host(session, desk.project_id, name)
            more = [result("OS-004", Status.FAIL)] if name == WORST else []
            found = judged(result("CPU-002", Status.FAIL), *more)
            judging.keep(session, run, host, [found], NOW)
        runs.finish(session, run, "done", NOW, totals={})
    with desk.database.read() as session:
        return report.collect(session, CITY, desk.project_id, None, NOW, desk.settings)


def test_paper_tells_of_the_worst_hosts_and_the_workbook_of_all(desk: Desk) -> None:
    data = _many(desk)
    page = report.render(data, "html").decode()
    table, _, details = page.partition("五、逐台结果")
    assert table.count('<tr><td class="w">h-') == report.MOST_ROWS
    assert f'<td class="w">{WORST}</td>' in table
    assert f"共 {HOSTS} 台主机，此处列出阻断项最多的 {report.MOST_ROWS} 台，其余见电子表格" in page
    assert details.count("<h3>") == report.MOST_PRINTED
    assert details.index(WORST) < details.index("h-000")
    assert f"共 {HOSTS} 项主机与目标环境的组合" in details
    book = openpyxl.load_workbook(io.BytesIO(report.render(data, "xlsx")), read_only=True)
    listed = [row[0] for row in book["主机与目标环境"].iter_rows(min_row=2, values_only=True)]
    assert len(listed) == HOSTS
