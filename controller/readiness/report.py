"""A project's report: one data set as HTML, PDF, XLSX and JSON. In Chinese: an office document."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from zoneinfo import ZoneInfo

from jinja2 import Environment, StrictUndefined
from sqlmodel import Session

from controller.access.scope import Scope
from controller.problems import NotFound
from controller.readiness import judging, projects, report_xlsx, tally, views, waivers, words
from controller.readiness.model import HostView, ProjectView, RunView, WaiverView
from controller.readiness.reasons import in_chinese
from controller.readiness.tables import ReadinessJudgement
from controller.readiness.tally import Frequent
from controller.settings import Settings
from playbooks.judge.profiles import load_profiles
from playbooks.judge.report import as_document
from playbooks.judge.results import Judgement, Result, Severity, Status, coverage
from playbooks.judge.rules import UNVERIFIED_ZH, Rule

MEDIA = {
    "html": "text/html; charset=utf-8",
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "json": "application/json",
}
MOST_PRINTED = 25
"""Hosts with profiles told one by one on paper, those with most problems first. Setting the type of
one takes a third of a second; the workbook holds all."""
MOST_ROWS = 200
"""Hosts in the table on paper, those with most blockers first; the workbook holds all."""
SUBJECTS_PRINTED = 3
"""Of one rule on one host; the workbook holds all."""


@dataclass(frozen=True)
class ReportData:
    """Everything the report says. ``run`` is None where it tells of what stands now."""

    project: ProjectView
    run: RunView | None
    hosts: list[HostView]
    rows: list[tally.Row]
    judgements: list[Judgement]
    waivers: list[WaiverView]
    rules: dict[str, Rule]
    generated: datetime
    zone: ZoneInfo

    @property
    def title(self) -> str:
        return f"{self.project.name} {words.KIND.get(self.project.kind, '')}评估报告"

    @property
    def file_name(self) -> str:
        run = f"-run{self.run.id}" if self.run else ""
        return f"readiness-{self.project.id}{run}-{self.generated.astimezone(self.zone):%Y%m%d}"

    @property
    def blockers(self) -> list[Frequent]:
        return tally.frequent(self.rows, self.rules)

    @property
    def majors(self) -> list[Frequent]:
        return tally.frequent(self.rows, self.rules, ("major",))

    @property
    def undecided(self) -> list[Frequent]:
        return tally.undecided(self.rows, self.rules)

    @property
    def share(self) -> float | None:
        """Decided results over applicable ones, 0-1."""
        return coverage(result for one in self.judgements for result in one.results)


def collect(
    session: Session,
    scope: Scope,
    project_id: int,
    run_id: int | None,
    now: datetime,
    settings: Settings,
) -> ReportData:
    """Reads what the report is made of. Raises NotFound."""
    project = projects.find(session, scope, project_id)
    run = None
    if run_id is not None:
        row, owner = projects.of_run(session, scope, run_id)
        if owner.id != project.id:
            raise NotFound("run", str(run_id))
        run = views.run_view(session, row, now)
    rows = views.of_run(session, run_id) if run_id else views.newest(session, project_id)
    return ReportData(
        project=views.project_view(session, project, now),
        run=run,
        hosts=views.host_views(session, project_id, now),
        rows=rows,
        judgements=views.judgements(rows),
        waivers=[
            each
            for each in (
                views.waiver_view(row, now) for row in waivers.list_waivers(session, project_id)
            )
            if each.active
        ],
        rules=judging.chosen_rules([project.kind]),
        generated=now,
        zone=ZoneInfo(settings.timezone),
    )


def render(data: ReportData, form: str) -> bytes:
    """The file in one of MEDIA."""
    if form == "json":
        return _json(data)
    if form == "xlsx":
        return report_xlsx.workbook(data)
    page = _html(data)
    if form == "pdf":
        # Loads slowly and is needed seldom.
        from weasyprint import HTML  # noqa: PLC0415

        pdf: bytes = HTML(string=page).write_pdf()
        return pdf
    return page.encode()


def _json(data: ReportData) -> bytes:
    document = {
        "title": data.title,
        "generated": data.generated.isoformat(),
        "project": data.project.model_dump(mode="json"),
        "run": data.run.model_dump(mode="json") if data.run else None,
        **as_document(data.judgements, judging.catalogue()),
        "waivers": [each.model_dump(mode="json") for each in data.waivers],
    }
    return json.dumps(document, ensure_ascii=False, indent=1).encode()


@dataclass(frozen=True)
class Shown:
    """One host and profile on paper: what is open and what was not decided."""

    judgement: Judgement
    verdict: str
    share: float | None
    problems: list[tuple[Rule, str, int, list[Result]]]
    """A rule with the letter of its gravest result, how many there are, and the first few."""
    unchecked: list[tuple[str, list[str]]]
    """Reason and the rules."""
    accepted: int


def _shown(judgement: Judgement, rules: dict[str, Rule]) -> Shown:
    order = list(Severity)
    failed = [it for it in judgement.results if it.status is Status.FAIL and it.rule in rules]
    failed.sort(key=lambda it: (order.index(it.severity), it.rule, it.subject))
    groups: dict[str, list[str]] = {}
    for it in judgement.results:
        if it.status in (Status.NOT_CHECKED, Status.UNKNOWN, Status.ERROR):
            reason = in_chinese(it.reason) or words.STATUS[it.status.value]
            groups.setdefault(reason, []).append(it.rule)
    return Shown(
        judgement,
        judgement.verdict.value,
        coverage(judgement.results),
        _by_rule([it for it in failed if not it.waiver and it.severity in order[:3]], rules),
        sorted(groups.items(), key=lambda pair: -len(pair[1])),
        sum(bool(it.waiver) for it in failed),
    )


def _by_rule(
    failed: list[Result], rules: dict[str, Rule]
) -> list[tuple[Rule, str, int, list[Result]]]:
    """One line a rule: a host may fail one in a hundred places, which the workbook lists."""
    groups: dict[str, list[Result]] = {}
    for it in failed:
        groups.setdefault(it.rule, []).append(it)
    return [
        (rules[name], same[0].severity.value, len(same), same[:SUBJECTS_PRINTED])
        for name, same in groups.items()
    ]


def _html(data: ReportData) -> str:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )

    def moment(at: datetime | None) -> str:
        return "" if at is None else f"{at.astimezone(data.zone):%Y-%m-%d %H:%M}"

    environment.filters["moment"] = moment
    environment.filters["reason"] = in_chinese
    text = files("controller.readiness").joinpath("report.html").read_text("utf-8")
    shown = [_shown(each, data.rules) for each in data.judgements]
    shown.sort(key=lambda it: (-len(it.problems), it.judgement.asset, it.judgement.profile))
    matrix = tally.by_host(data.rows)
    titles = {key: one.title_zh for key, one in load_profiles().items()}
    return environment.from_string(text).render(
        title=data.title,
        data=data,
        project=data.project,
        kind=words.KIND.get(data.project.kind, ""),
        profiles=tally.profiles_of(data.rows),
        titles=titles,
        matrix=_worst_hosts(matrix),
        matrix_total=len(matrix),
        overall=tally.overall(data.rows).value,
        identity={each.name: each for each in data.hosts},
        shown=shown[:MOST_PRINTED],
        shown_total=len(shown),
        verdict=words.VERDICT,
        severity=words.SEVERITY,
        letter=words.SEVERITY_LETTER,
        unverified=UNVERIFIED_ZH,
        some=_some,
    )


def _worst_hosts(
    matrix: dict[str, dict[str, ReadinessJudgement]],
) -> dict[str, dict[str, ReadinessJudgement]]:
    """The hosts that the table has room for, by name."""

    def blockers(host: str) -> int:
        return max(row.blockers for row in matrix[host].values())

    chosen = sorted(matrix, key=lambda host: (-blockers(host), host))[:MOST_ROWS]
    return {host: matrix[host] for host in sorted(chosen)}


def _some(names: Sequence[str], most: int = 8) -> str:
    """The first few, and how many more."""
    found = sorted(names)
    more = f" 等 {len(found)} 台" if len(found) > most else ""
    return "、".join(found[:most]) + more
