"""A bundle that somebody collected by hand and brought here."""

from __future__ import annotations

from controller.access import audit
from controller.access.principal import Principal
from controller.access.scope import Scope
from controller.problems import Problem
from controller.readiness import bundles, projects, runs
from controller.readiness.model import BundleView
from controller.readiness.projects import WantedHost
from controller.readiness.tables import ReadinessHost
from controller.runtime import Runtime
from playbooks.judge.bundle import Bundle, BundleError


def take_in(
    runtime: Runtime,
    scope: Scope,
    project_id: int,
    text: bytes,
    by: Principal,
    *,
    sha256: str = "",
    add: bool = True,
    judge: bool = True,
    source: str = "upload",
) -> BundleView:
    """Files a bundle, notes it at its host and queues its judging. Raises Problem 422, NotFound."""
    with runtime.database.read() as session:
        projects.find(session, scope, project_id)
    try:
        bundle, size = bundles.write(runtime.settings, text, sha256.strip() or None)
    except BundleError as error:
        raise Problem(422, "bad bundle", str(error)) from None
    try:
        return _note(runtime, scope, project_id, bundle, size, by, add, judge, source)
    except Exception:
        # What no row names, nothing would ever take away again.
        with runtime.database.read() as session:
            named = bundles.is_registered(session, bundle.sha256)
        if not named:
            bundles.unlink(runtime.settings, [bundle.sha256])
        raise


def _note(
    runtime: Runtime,
    scope: Scope,
    project_id: int,
    bundle: Bundle,
    size: int,
    by: Principal,
    add: bool,
    judge: bool,
    source: str,
) -> BundleView:
    """Notes a filed bundle at its host. Raises Problem 409, 422, NotFound."""
    with runtime.database.write() as session:
        project = projects.find(session, scope, project_id)
        if project.closed is not None:
            raise Problem(409, "project closed", "open the project again first")
        known = {row.name: row for row in projects.hosts(session, project_id)}
        if bundle.asset not in known:
            if not add:
                raise Problem(422, "unknown host", f"the bundle is of {bundle.asset!r}, which is "
                              "no host of this project")  # fmt: skip
            projects.set_hosts(session, scope, project, [WantedHost(name=bundle.asset)], by.at)
        host: ReadinessHost = projects.find_host(session, project_id, bundle.asset)
        bundles.register(session, host, bundle, size, source=source, by=by.name, now=by.at)
        number = None
        if judge and host.bundle == bundle.sha256:
            number = runs.enqueue_judging(session, project, host, by.name, by.at)
        audit.record(
            session, by, "readiness.upload", f"project {project_id}",
            detail={"host": host.name, "sha256": bundle.sha256},
        )  # fmt: skip
        gone = bundles.shrink(session, runtime.settings)
    bundles.unlink(runtime.settings, gone)
    return BundleView(
        host=bundle.asset, sha256=bundle.sha256, taken=bundle.taken_at,
        privilege=bundle.privilege, run=number,
        incomplete=sorted(name for name, it in bundle.sections.items() if not it.complete),
    )  # fmt: skip
