"""Data bases, middleware and Java, told by process and system property first, by port never."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from playbooks.judge.detectors.base import Detector, Hit, Look, NotApplicable
from playbooks.judge.facts import Jvm, Process


class Product(NamedTuple):
    """``comm`` matches a process's name, ``cmdline`` its command line where the name is shared."""

    name: str
    domestic: bool
    comm: str
    cmdline: str = ""
    ports: tuple[int, ...] = ()


DATABASES = (
    Product("达梦 DM", True, r"dmserver|dmap|dmcss|dmasmsvr\w*", ports=(5236,)),
    Product("人大金仓 KingbaseES", True, r"kingbase|sys_ctl", ports=(54321,)),
    Product("openGauss/GaussDB", True, r"gaussdb|gs_ctl|cm_server", ports=(5432, 7654)),
    Product("OceanBase", True, r"observer|obproxy", ports=(2881,)),
    Product("TiDB", True, r"tidb-server|pd-server|tikv-server", ports=(4000, 2379)),
    Product("GBase", True, r"gbased|oninit", r"gbase", ports=(5258,)),
    Product("神通 Oscar", True, r"oscar", ports=(2003,)),
    Product("海量 Vastbase", True, r"vastbase", ports=(5432,)),
    Product("YashanDB", True, r"yasdb", ports=(1688,)),
    Product("Oracle", False, r"ora_pmon_\w*|tnslsnr|oracle_\w+", ports=(1521,)),
    Product("SQL Server", False, r"sqlservr", ports=(1433,)),
    Product("DB2", False, r"db2sysc\w*", ports=(50000,)),
    Product("Sybase", False, r"dataserver", r"sybase|ASE-", ports=(5000,)),
    Product("Informix", False, r"oninit", r"informix", ports=(9088,)),
)
# Domestic names first: several of them descend from Tomcat or GlassFish and keep their properties.
MIDDLEWARE = (
    ("东方通 TongWeb", True, r"^tongweb\.(home|base)$"),
    ("宝兰德 BES", True, r"^(bes\.home|com\.bes\.enterprise\..*)$"),
    ("金蝶 Apusic", True, r"^com\.apusic\.home$"),
    ("中创 InforSuite", True, r"^com\.cvicse\.inforsuite\..*$"),
    ("WebLogic", False, r"^weblogic\.(home|Name)$"),
    ("WebSphere", False, r"^(was\.install\.root|wlp\.install\.dir)$"),
    ("JBoss", False, r"^jboss\.home\.dir$"),
    ("Resin", False, r"^resin\.home$"),
)


def databases_of(look: Look) -> Iterator[tuple[Product, Process]]:
    """Each data base product that runs, with one process of it."""
    seen = set()
    for process in look.facts.processes:
        for product in DATABASES:
            if product.name in seen or not re.fullmatch(product.comm, process.comm):
                continue
            if re.search(product.cmdline, f"{process.exe} {process.cmdline}", re.IGNORECASE):
                seen.add(product.name)
                yield product, process


def databases(look: Look) -> Iterable[Hit]:
    """Data bases that run here; ``foreign`` narrows to those that must be replaced."""
    listed = look.optional("register.replacement", False)
    for product, process in databases_of(look):
        if product.domestic and look.parameters.get("foreign"):
            continue
        severity = "blocker" if look.parameters.get("foreign") and listed else ""
        excerpt = process.cmdline or process.comm
        yield Hit(product.name, "process", process.locator, excerpt, "processes", severity)


def open_databases(look: Look) -> Iterable[Hit]:
    """A data base on its usual port, reachable from the whole network."""
    for product, _ in databases_of(look):
        for it in look.facts.sockets:
            if it.port in product.ports and it.address in ("0.0.0.0", "::"):  # noqa: S104
                yield Hit(f"{product.name} {it.port}", "socket", it.locator, it.locator, "sockets")
                break


def middleware_of(look: Look) -> Iterator[tuple[str, bool, Jvm, str]]:
    """Name, domestic or not, its Java and the property that tells; at most one for each Java."""
    for jvm in look.facts.jvms:
        for name, domestic, pattern in MIDDLEWARE:
            found = next((key for key in jvm.properties if re.match(pattern, key)), None)
            if found:
                yield name, domestic, jvm, f"-D{found}={jvm.properties[found]}"
                break


def middleware(look: Look) -> Iterable[Hit]:
    """Middleware that runs here; ``foreign`` narrows to those that must be replaced."""
    for name, domestic, jvm, told in middleware_of(look):
        if not (domestic and look.parameters.get("foreign")):
            yield Hit(name, "process", f"{jvm.pid}:{jvm.exe}", told, "java")


def java_build(look: Look) -> Iterable[Hit]:
    """A Java of Oracle's, or one older than any build for the target's processor."""
    oldest = look.parameters["oldest"].get(look.profile["java_arch"], 0)
    if not look.facts.jvms:
        raise NotApplicable("no Java runs here")
    for jvm in look.facts.jvms:
        major = _major(jvm.version)
        if "Oracle" in jvm.vendor:
            yield Hit(f"{jvm.exe} Oracle", "process", f"{jvm.pid}:{jvm.exe}", jvm.vendor, "java")
        if 0 < major < oldest:
            excerpt = f"JDK {jvm.version} < {oldest} ({look.profile['java_arch']})"
            yield Hit(f"{jvm.exe} version", "process", f"{jvm.pid}:{jvm.exe}", excerpt, "java")


def _major(version: str) -> int:
    parts = re.findall(r"\d+", version)
    if not parts:
        return 0
    return int(parts[1]) if parts[0] == "1" and len(parts) > 1 else int(parts[0])


def tongweb_java(look: Look) -> Iterable[Hit]:
    """A TongWeb release that is known not to start under this Java."""
    for name, _, jvm, told in middleware_of(look):
        whole = " ".join([told, jvm.classpath, *jvm.properties.values()])
        for release in look.parameters["releases"]:
            if (
                "TongWeb" in name
                and release in whole
                and _major(jvm.version) >= look.parameters["java"]
            ):
                yield Hit(
                    release, "process", f"{jvm.pid}:{jvm.exe}", f"{told}, JDK {jvm.version}", "java"
                )


def licences(look: Look) -> Iterable[Hit]:
    """A licence that has run out, or middleware that has none."""
    for line in look.facts.lines("licences"):
        if not re.search(r"expir|valid|end.?date|到期", line.text, re.IGNORECASE):
            continue
        for year, month, day in re.findall(r"(20\d\d)[-/.](\d{1,2})[-/.](\d{1,2})", line.text):
            if (int(year), int(month), int(day)) < look.now.date().timetuple()[:3]:
                yield Hit(line.path, "file", line.locator, line.text, "licences")
    for name, domestic, jvm, told in middleware_of(look):
        if domestic and not look.facts.text("licences"):
            yield Hit(f"{name} none", "process", f"{jvm.pid}:{jvm.exe}", told, "java")


DETECTORS = {
    "databases": Detector(databases, frozenset({"foreign"})),
    "open_databases": Detector(open_databases),
    "middleware": Detector(middleware, frozenset({"foreign"})),
    "java_build": Detector(java_build, frozenset({"oldest"}), by_profile=True),
    "tongweb_java": Detector(tongweb_java, frozenset({"releases", "java"})),
    "licences": Detector(licences),
}
