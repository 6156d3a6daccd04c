"""The life of a run, waivers and bundles in the database, without a host."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import pytest

from controller.access.principal import Principal
from controller.access.scope import CITY, Scope
from controller.problems import NotFound, Problem
from controller.readiness import (
    adaptation,
    bundles,
    credentials,
    judging,
    packing,
    projects,
    runs,
    uploads,
    views,
    waivers,
)
from controller.readiness.projects import Wanted, WantedHost
from controller.readiness.tables import (
    ReadinessBundle,
    ReadinessCredential,
    ReadinessRun,
    ReadinessRunHost,
)
from controller.runtime import Runtime
from playbooks.judge.bundle import BundleError, parse_bundle
from playbooks.judge.results import Evidence, Judgement, Result, Severity, Status
from tests.facts_bundles import OFF, bundle
from tests.unit.controller.readiness.conftest import NOW, Desk


def result(rule: str, status: Status, severity: Severity = Severity.BLOCKER) -> Result:
    seen = (Evidence(kind="elf", locator="", excerpt="x"),) if status is Status.FAIL else ()
    return Result(rule=rule, severity=severity, status=status, asset="a", subject=rule,
                  evidence=seen)  # fmt: skip


def judged(*results: Result, profile: str = "") -> Judgement:
    return Judgement(asset="a", profile=profile, results=results, notes={"taken_at": "x"})


def keep(desk: Desk, *results: Result, run: int = 0) -> int:
    """A finished run of host a with these results; its number."""
    with desk.database.write() as session:
        made = runs.enqueue(session, desk.project(session), "check", by="wang", now=NOW)
        judging.keep(session, made, desk.host(session, "a"), [judged(*results)], NOW)
        runs.finish(session, made, "done", NOW, totals=judging.totals(session, made.id or 0))
        return made.id or 0


def test_results_come_back_from_the_database_as_they_were(desk: Desk) -> None:
    before = (result("CPU-002", Status.FAIL), result("CPU-003", Status.PASS))
    run = keep(desk, *before)
    with desk.database.read() as session:
        rows = views.of_run(session, run)
        assert views.judgements(rows)[0].results == before
        assert rows[0][0].grid == {"CPU-002": "F", "CPU-003": "P"}
        assert rows[0][0].verdict == "not_ready"


def test_the_worst_of_several_results_of_one_rule_stands_in_the_grid() -> None:
    signs = packing.grid([result("X", Status.PASS), result("X", Status.FAIL)])
    assert signs == {"X": "F"}
    assert packing.grid([result("X", Status.NOT_CHECKED), result("X", Status.PASS)]) == {"X": "N"}


def test_a_later_judgement_is_the_newest_but_a_failed_collection_hides_nothing(desk: Desk) -> None:
    keep(desk, result("CPU-002", Status.FAIL))
    keep(desk, result("CPU-002", Status.PASS))
    with desk.database.write() as session:
        made = runs.enqueue(session, desk.project(session), "check", by="wang", now=NOW)
        nothing = Judgement(asset="a", profile="", results=(), notes={"reason": "unreachable"})
        judging.keep(session, made, desk.host(session, "a"), [nothing], NOW)
        newest = views.newest(session, desk.project_id)
        assert [row.grid for row, _ in newest] == [{"CPU-002": "P"}]
        assert views.of_run(session, made.id or 0)[0][0].verdict == "unknown"
        assert judging.totals(session, made.id or 0)["evaluated"] == 0


def test_a_waiver_counts_at_once_until_its_day_and_then_no_more(desk: Desk) -> None:
    keep(desk, result("CPU-002", Status.FAIL))
    with desk.database.write() as session:
        project = desk.project(session)
        waivers.create(
            session, project, rule="CPU-002", fingerprint="", hosts=["a"], reason="x",
            owner="wang", approved_by="li", expires=NOW + timedelta(days=2), by="li", now=NOW,
        )  # fmt: skip
        ((row, _host),) = views.newest(session, desk.project_id)
        assert (row.grid["CPU-002"], row.blockers, row.verdict) == ("W", 0, "ready")
        assert waivers.expire(session, NOW + timedelta(days=1)) == 0
        assert waivers.expire(session, NOW + timedelta(days=3)) == 1
        assert (row.grid["CPU-002"], row.blockers, row.verdict) == ("F", 1, "not_ready")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"owner": "li"}, "approve"),
        ({"rule": "NO-1"}, "no rule"),
        ({"rule": "", "fingerprint": ""}, "either"),
        ({"expires": NOW}, "after now"),
        ({"expires": NOW + timedelta(days=400)}, "within"),
        ({"hosts": ["zz"]}, "no host"),
        ({"reason": " "}, "filled in"),
    ],
)
def test_a_waiver_that_nobody_answers_for_is_refused(
    desk: Desk, change: dict[str, object], why: str
) -> None:
    given: dict[str, object] = {
        "rule": "CPU-002", "fingerprint": "", "hosts": [], "reason": "x", "owner": "wang",
        "approved_by": "li", "expires": NOW + timedelta(days=2), "by": "li", "now": NOW,
    }  # fmt: skip
    with desk.database.write() as session, pytest.raises(Problem, match=why):
        waivers.create(session, desk.project(session), **(given | change))  # type: ignore[arg-type]


def test_a_run_whose_process_is_gone_is_unknown_and_only_a_changing_kind_is_inspected(
    desk: Desk,
) -> None:
    with desk.database.write() as session:
        project = desk.project(session)
        projects.decide(session, project, "approved", "", "li", NOW)
        check = runs.enqueue(session, project, "check", by="wang", now=NOW)
        change = runs.enqueue(session, project, "enable_ipv6", by="wang", now=NOW)
        for run in (check, change):
            assert runs.claim(session, run.id or 0, f"/dev/shm/yunxun-run-{run.id}", NOW)
            # A process of another machine that has not been heard of for a while.
            runs.find(session, run.id or 0).holder = "elsewhere/x/y/1/2"
        assert runs.recover(session, NOW + timedelta(minutes=1)) == []
        dead = runs.recover(session, NOW + runs.LONGEST_SILENCE * 2)
        assert len(dead) == 2
        found = {run.id: run for run in views.list_runs(session, desk.project_id)[0]}
        assert found[check.id].state == found[change.id].state == "unknown"
        assert found[check.id].inspected == ""
        assert found[change.id].inspected == "pending"
        look = next(run for run in found.values() if run.inspects == change.id)
        assert (look.kind, look.state) == ("inspect", "queued")
        rows = views.run_hosts(session, change.id or 0)
        assert [row.state for row in rows] == ["unknown"]


def test_a_run_is_claimed_once_and_one_project_has_one_at_a_time(desk: Desk) -> None:
    with desk.database.write() as session:
        project = desk.project(session)
        first = runs.enqueue(session, project, "check", by="wang", now=NOW)
        second = runs.enqueue(session, project, "check", by="wang", now=NOW)
        assert runs.next_queued(session, 5) == [first.id]
        assert runs.claim(session, first.id or 0, "", NOW) is not None
        assert runs.claim(session, first.id or 0, "", NOW) is None
        assert runs.next_queued(session, 5) == []
        runs.finish(session, runs.find(session, first.id or 0), "done", NOW)
        assert runs.next_queued(session, 5) == [second.id]
        runs.cancel(session, runs.find(session, second.id or 0), "li", NOW)
        assert runs.find(session, second.id or 0).state == "canceled"
        assert runs.claim(session, second.id or 0, "", NOW) is None


def test_a_failure_of_a_host_is_not_undone_by_what_a_rescue_does(desk: Desk) -> None:
    with desk.database.write() as session:
        run = runs.enqueue(session, desk.project(session), "check", by="wang", now=NOW)
        host = desk.host(session, "a").id or 0
        for state in ("running", "failed", "running", "ok"):
            runs.move(session, run.id or 0, host, NOW, state=state)
        assert session.get_one(ReadinessRunHost, (run.id, host)).state == "failed"


def test_hosts_are_changed_only_with_anothers_approval_and_inside_the_window(desk: Desk) -> None:
    with desk.database.write() as session:
        project = desk.project(session)

        def start() -> None:
            runs.enqueue(session, project, "enable_ipv6", by="wang", now=NOW)

        with pytest.raises(Problem, match="approved first"):
            start()
        with pytest.raises(Problem, match="another"):
            projects.decide(session, project, "approved", "", "wang", NOW)
        projects.decide(session, project, "approved", "", "li", NOW)
        projects.change(
            session, CITY, project,
            Wanted(window=(NOW + timedelta(hours=1), NOW + timedelta(hours=2))), NOW,
        )  # fmt: skip
        with pytest.raises(Problem, match="not begun"):
            start()
        projects.decide(session, project, "refused", "", "li", NOW)
        with pytest.raises(Problem, match="approved first"):
            start()


def test_a_change_that_waited_past_what_allowed_it_is_not_begun(desk: Desk) -> None:
    with desk.database.write() as session:
        project = desk.project(session)
        projects.decide(session, project, "approved", "", "li", NOW)
        end = NOW + timedelta(hours=1)
        projects.change(session, CITY, project, Wanted(window=(NOW, end)), NOW)
        plan: dict[str, Any] = {"by": "wang", "now": NOW, "approved": True, "started_by": "plan",
                                "hosts": ["a"]}  # fmt: skip

        def begun(run: ReadinessRun) -> bool:
            taken = runs.claim(session, run.id or 0, "", end)
            ended = runs.find(session, run.id or 0)
            if taken is None:
                assert (ended.state, ended.started, ended.inspected) == ("failed", None, "")
                assert "window ended" in ended.error
            return taken is not None

        assert not begun(runs.enqueue(session, project, "enable_ipv6", by="wang", now=NOW))
        assert not begun(runs.enqueue(session, project, "cutover", until=end, **plan))
        # Going back is no change of its own: no window holds it up.
        back = runs.enqueue(session, project, "rollback", **plan)
        assert begun(back)
        runs.finish(session, back, "done", NOW)
        projects.change(session, CITY, project, Wanted(window=(None, None)), NOW)
        early = runs.enqueue(session, project, "enable_ipv6", by="wang", now=NOW)
        later = (end, end + timedelta(hours=1))
        projects.change(session, CITY, project, Wanted(window=later), NOW)
        assert runs.claim(session, early.id or 0, "", NOW) is None
        assert "put off" in runs.find(session, early.id or 0).error
        projects.change(session, CITY, project, Wanted(window=(None, None)), NOW)
        last = runs.enqueue(session, project, "enable_ipv6", by="wang", now=NOW)
        projects.decide(session, project, "refused", "", "li", NOW)
        assert runs.claim(session, last.id or 0, "", NOW) is None
        assert "no longer approved" in runs.find(session, last.id or 0).error


def test_an_approval_is_of_the_hosts_and_the_login_that_were_there(desk: Desk) -> None:
    with desk.database.write() as session:
        project = desk.project(session)

        def allowed() -> bool:
            try:
                run = runs.enqueue(session, project, "enable_ipv6", by="wang", now=NOW)
            except Problem as problem:
                return problem.title != "not approved"
            runs.cancel(session, run, "wang", NOW)
            return True

        def put(*wanted: WantedHost, replace: bool = False) -> bool:
            projects.decide(session, project, "approved", "", "li", NOW)
            projects.set_hosts(session, CITY, project, wanted, NOW, replace=replace)
            return allowed()

        known = WantedHost(name="a", address="10.0.0.1", system="系统A")
        assert put(known, WantedHost(name="by-hand"))
        assert put(known, replace=True)
        assert not put(WantedHost(name="c", address="10.0.0.3"))
        assert not put(WantedHost(name="a", address="10.0.0.9"))
        assert not put(WantedHost(name="a", address="10.0.0.9", variables={"enable_ipv6_x": 1}))
        projects.decide(session, project, "approved", "", "li", NOW)
        projects.change(session, CITY, project, Wanted(note="x"), NOW)
        assert allowed()
        projects.change(session, CITY, project, Wanted(connection={"jump_host": "10.9.9.9"}), NOW)
        assert not allowed()


def test_uploads_that_wait_share_one_run(desk: Desk) -> None:
    with desk.database.write() as session:
        project = desk.project(session)
        for name in ("a", "b"):
            found, size = bundles.write(desk.settings, bundle(name, {"sysctl": OFF}))
            host = desk.host(session, name)
            bundles.register(session, host, found, size, source="upload", by="x", now=NOW)
            run = runs.enqueue_judging(session, project, host, "x", NOW)
        rows, total = views.list_runs(session, desk.project_id)
        assert total == 1
        assert rows[0].id == run
        assert len(views.run_hosts(session, run)) == 2


def test_a_bundle_is_filed_once_and_an_altered_one_never(desk: Desk) -> None:
    text = bundle("a", {"sysctl": OFF})
    found, size = bundles.write(desk.settings, text)
    assert 0 < size < len(text)
    assert bundles.read(desk.settings, found.sha256) == parse_bundle(text)
    path = next(bundles.folder_of(desk.settings).rglob("*.z"))
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(BundleError):
        bundles.read(desk.settings, found.sha256)
    with pytest.raises(BundleError, match="altered"):
        bundles.write(desk.settings, text.replace(b"kylin", b"KYLIN"))
    with pytest.raises(BundleError, match="announced"):
        bundles.write(desk.settings, text, "0" * 64)


def test_bundles_stay_within_their_bound_and_the_newest_of_a_host_stays(desk: Desk) -> None:
    with desk.database.write() as session:
        host = desk.host(session, "a")
        for day in range(3):
            found, _ = bundles.write(desk.settings, bundle("a", taken=NOW + timedelta(days=day)))
            bundles.register(
                session, host, found, 8 << 20, source="run", by="", now=NOW + timedelta(days=day)
            )
        gone = bundles.shrink(session, desk.settings)
        assert len(gone) == 1
        assert session.get(ReadinessBundle, host.bundle) is not None
        assert host.taken == NOW + timedelta(days=2)


def test_an_older_bundle_does_not_take_the_place_of_a_newer_one(desk: Desk) -> None:
    with desk.database.write() as session:
        host = desk.host(session, "a")
        for day in (2, 1):
            found, size = bundles.write(desk.settings, bundle("a", taken=NOW + timedelta(days=day)))
            later = NOW + timedelta(days=3)
            bundles.register(session, host, found, size, source="upload", by="", now=later)
        assert host.taken == NOW + timedelta(days=2)
        assert host.identity["cpu"]["domestic"] is True


def test_a_host_whose_clock_was_ahead_is_not_stuck_with_that_bundle(desk: Desk) -> None:
    with desk.database.write() as session:
        host = desk.host(session, "a")
        for day, taken in ((0, NOW + timedelta(days=4000)), (1, NOW + timedelta(days=1))):
            found, size = bundles.write(desk.settings, bundle("a", taken=taken))
            now = NOW + timedelta(days=day)
            bundles.register(session, host, found, size, source="run", by="", now=now)
        assert (host.bundle, host.taken) == (found.sha256, NOW + timedelta(days=1))


def test_a_bundle_that_is_refused_leaves_no_file(desk: Desk) -> None:
    runtime = Runtime(desk.settings, desk.database, cast("Any", None), lambda: NOW)
    by = Principal("zhang", "unit", NOW, unit_id=1)
    mine = Scope(frozenset({1}))
    kept = uploads.take_in(runtime, mine, desk.project_id, bundle("b"), by)
    for name, add in (("no name!", True), ("c", False)):
        text = bundle(name)
        with pytest.raises(Problem):
            uploads.take_in(runtime, mine, desk.project_id, text, by, add=add)
    with desk.database.write() as session:
        desk.project(session).closed = NOW
    with pytest.raises(Problem, match="open the project"):
        uploads.take_in(runtime, mine, desk.project_id, bundle("b"), by)
    left = [each.name for each in bundles.folder_of(desk.settings).rglob("*.z")]
    assert left == [f"{kept.sha256}.json.z"]


def test_a_password_and_a_jump_host_are_refused_together_before_any_run(desk: Desk) -> None:
    jump, none = Wanted(connection={"jump_host": "10.9.9.9"}), Wanted(connection={})
    with desk.database.write() as session:

        def keep_password() -> None:
            credentials.keep(
                session, desk.settings, desk.project_id, key="", password="Canary-11", become="",
                by="wang", now=NOW,
            )  # fmt: skip

        project = desk.project(session)
        projects.change(session, CITY, project, jump, NOW)
        with pytest.raises(Problem, match=r"10\.9\.9\.9 cannot be passed with a password"):
            keep_password()
        projects.change(session, CITY, project, none, NOW)
        keep_password()
        with pytest.raises(Problem, match="private key"):
            projects.change(session, CITY, project, jump, NOW)
        # As one that was kept before this was so.
        project.connection = {"jump_host": "10.9.9.9"}
        with pytest.raises(Problem, match="private key"):
            runs.enqueue(session, project, "check", by="wang", now=NOW)


def test_a_credential_is_sealed_and_opens_in_its_own_row_only(desk: Desk) -> None:
    with desk.database.write() as session:
        credentials.keep(
            session, desk.settings, desk.project_id, key="", password="Canary-11",
            become="Canary-22", by="wang", now=NOW,
        )  # fmt: skip
        row = session.get_one(ReadinessCredential, desk.project_id)
        assert "Canary" not in row.secret + row.become
        opened = credentials.opened(session, desk.settings, desk.project_id)
        assert (opened.password, opened.become) == ("Canary-11", "Canary-22")
        for key in ("nonsense", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"):
            with pytest.raises(Problem, match="private key") as caught:
                credentials.keep(
                    session, desk.settings, desk.project_id, key=key, password="", become="",
                    by="wang", now=NOW,
                )  # fmt: skip
            assert "AAAA" not in caught.value.detail


def test_a_project_is_seen_only_where_all_of_its_units_are_ones_own(desk: Desk) -> None:
    own, other = Scope(frozenset({1})), Scope(frozenset({2}))
    with desk.database.write() as session:
        assert projects.find(session, own, desk.project_id).name == "首批"
        with pytest.raises(NotFound):
            projects.find(session, other, desk.project_id)
        projects.change(session, CITY, desk.project(session), Wanted(units=["A", "B"]), NOW)
        for scope in (own, other):
            with pytest.raises(NotFound):
                projects.find(session, scope, desk.project_id)
            assert projects.visible(session, scope) == []
        assert projects.find(session, Scope(frozenset({1, 2})), desk.project_id)


def test_a_host_of_a_unit_that_the_project_is_not_of_is_refused(desk: Desk) -> None:
    with desk.database.write() as session, pytest.raises(Problem, match="not of"):
        projects.set_hosts(
            session, CITY, desk.project(session), [WantedHost(name="c", unit="B")], NOW
        )


def test_adaptation_names_projects_within_the_scope_only(desk: Desk) -> None:
    """A's system is in a project of A, in one of both units, and in one of the city."""
    keep(desk, result("CPU-002", Status.FAIL))
    with desk.database.write() as session:
        for name, units in (("两家合办", ["A", "B"]), ("全市统筹", [])):
            wanted = Wanted(name=name, kind="xinchuang", units=units)
            project = projects.create(session, CITY, wanted, "wang", NOW)
            projects.set_hosts(
                session,
                CITY,
                project,
                [WantedHost(name="a", address="10.0.0.1", system="系统A")],
                NOW,
            )
            run = runs.enqueue(session, project, "check", by="wang", now=NOW)
            host = projects.find_host(session, project.id or 0, "a")
            judging.keep(session, run, host, [judged(result("OS-004", Status.PASS))], NOW)
    with desk.database.read() as session:
        whole = adaptation.system_states(session, CITY, NOW)[0]
        (ours,) = adaptation.system_states(session, Scope(frozenset({1})), NOW)
        both = adaptation.system_states(session, Scope(frozenset({1, 2})), NOW)[0]
    assert {name for _, name in whole.projects} == {"首批", "两家合办", "全市统筹"}
    assert {name for _, name in both.projects} == {"首批", "两家合办"}
    assert {name for _, name in ours.projects} == {"首批"}
    assert (whole.elsewhere, both.elsewhere, ours.elsewhere) == (False, True, True)
    # What was found of a system is its unit's to know.
    assert ours.layers == whole.layers


def test_adaptation_is_told_by_checks_where_there_are_some_and_by_the_register_else(
    desk: Desk,
) -> None:
    keep(desk, result("CPU-002", Status.FAIL), result("OS-004", Status.PASS))
    with desk.database.read() as session:
        states = adaptation.system_states(session, CITY, NOW)
        ours = adaptation.system_states(session, Scope(frozenset({2})), NOW)
    assert [each.record.name for each in ours] == ["系统B"]
    first = states[0]
    assert first.layers["cpu"].state == "not_ready"
    assert first.layers["os"].state == "ready"
    assert first.layers["os"].checked
    assert first.layers["database"].state == "none"
    assert first.state == "not_ready"
    assert states[1].state == "none"
    city = adaptation.whole(states)
    assert (city.systems, city.on_cloud, city.should) == (2, 1, 1)
    assert city.cloud_share == 0.5
    assert [each.record.name for each in adaptation.left_behind(states)] == ["系统B"]
