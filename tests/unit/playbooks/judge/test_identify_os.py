from __future__ import annotations

import pytest

from playbooks.judge.identify_os import identify_os
from playbooks.judge.identify_text import decode

UOS = 'NAME="UnionTech OS Server 20"\nVERSION_ID="20"\nVERSION="20"\nID="uos"\n'


@pytest.mark.parametrize(
    ("text", "files", "version", "manager", "branch"),
    [
        (UOS + 'PLATFORM_ID="platform:uelc20"\nVERSION_CODENAME="kongzi"', {},
         "20 (kongzi)", "dnf", "anolis"),
        (UOS + 'PLATFORM_ID="platform:uel20"\nVERSION_CODENAME=fuyu', {},
         "20 (fuyu)", "dnf", "openeuler"),
        (UOS + 'PLATFORM_ID="platform:uel20"',
         {"/etc/os-version": "EditionName=e\nMinorVersion=1070"},
         "20 (1070)", "dnf", "openeuler"),
        (UOS.replace('"uos"', "UOS") + "VERSION_CODENAME=fou", {}, "20 (fou)", "apt", "debian"),
        (UOS, {"/etc/os-version": "EditionName=a\n"}, "20", "dnf", "anolis"),
        (UOS, {}, "20", None, None),
        (UOS, {"/var/lib/dpkg/status": ""}, "20", "apt", "debian"),
        (UOS, {"/var/lib/rpm/Packages": ""}, "20", "dnf", None),
    ],
)  # fmt: skip
def test_uos_20_is_three_systems(
    text: str, files: dict[str, str], version: str, manager: str | None, branch: str | None
) -> None:
    system = identify_os(text, files)
    assert (system.id, system.name, system.domestic) == ("uos", "UnionTech OS Server", True)
    assert (system.version, system.package_manager, system.branch) == (version, manager, branch)


@pytest.mark.parametrize(
    ("text", "lineage", "manager"),
    [
        ('NAME="Kylin Linux Advanced Server"\nVERSION="V10 (Sword)"\nID="kylin"\nVERSION_ID="V10"',
         "RedHat", "dnf"),
        ('NAME="Kylin"\nVERSION="银河麒麟桌面操作系统V10 (SP1)"\nID=kylin\nID_LIKE=debian\n'
         'VERSION_ID="v10"', "Debian", "apt"),
        ('NAME="Kylin"\nID=kylin\nVERSION_ID="V10"', None, None),
    ],
)  # fmt: skip
def test_kylins_server_and_desktop_share_an_id_but_no_packages(
    text: str, lineage: str | None, manager: str | None
) -> None:
    system = identify_os(text, {})
    assert (system.id, system.domestic) == ("kylin", True)
    assert (system.lineage, system.package_manager) == (lineage, manager)
    assert (system.version or "").startswith("V10")


@pytest.mark.parametrize(
    ("text", "ident", "version", "branch"),
    [
        ('NAME="BigCloud Enterprise Linux"\nVERSION="8.8 (Core)"\nID="bclinux"\nVERSION_ID="8.8"\n'
         'ID_LIKE="rhel fedora centos anolis"\nPLATFORM_ID="platform:an8"',
         "bclinux", "8.8", "anolis"),
        ('NAME="BigCloud Enterprise Linux For Euler"\nVERSION="21.10 (LTS-SP2)"\nID="bclinux"\n'
         'VERSION_ID="21.10"', "bclinux", "21.10 (LTS-SP2)", "openeuler"),
        ('NAME="EulerOS"\nVERSION="2.0 (SP9x86_64)"\nID="euleros"\nVERSION_ID="2.0"',
         "euleros", "2.0 (SP9x86_64)", "openeuler"),
        ('NAME="Anolis OS"\nVERSION="23"\nID="anolis"\nVERSION_ID="23"\n'
         'PLATFORM_ID="platform:an23"',
         "anolis", "23", "anolis"),
        ('NAME="KOS"\nID="kos"\nID_LIKE="anolis rhel"\nVERSION_ID="5.8sp2"',
         "kos", "5.8sp2", "anolis"),
        ('NAME="openEuler"\nVERSION="22.03 (LTS-SP3)"\nID="openEuler"\nVERSION_ID="22.03"',
         "openeuler", "22.03 (LTS-SP3)", "openeuler"),
        ('NAME="openEuler"\nVERSION="20.03 (LTS)"\nID="openEuler"\nVERSION_ID="20.03"',
         "openeuler", "20.03", "openeuler"),
    ],
)  # fmt: skip
def test_a_domestic_rpm_system_is_told_with_its_line(
    text: str, ident: str, version: str, branch: str
) -> None:
    system = identify_os(text, {})
    assert (system.id, system.version, system.branch) == (ident, version, branch)
    assert (system.lineage, system.package_manager, system.domestic) == ("RedHat", "dnf", True)


def test_the_uos_desktop_is_named_by_its_pretty_name() -> None:
    told = 'NAME="uos"\nPRETTY_NAME="UnionTech OS Desktop 20 Pro"\nVERSION_ID="20"\nID=uos\n'
    system = identify_os(told, {})
    assert (system.name, system.package_manager) == ("UnionTech OS Desktop 20 Pro", "apt")


def test_ubuntu_is_foreign_and_ubuntu_kylin_is_undecided() -> None:
    assert identify_os('NAME="Ubuntu"\nID=ubuntu\nVERSION_ID="22.04"', {}).domestic is False
    kylin = identify_os('NAME="Ubuntu Kylin"\nID=ubuntu\nVERSION_ID="22.04"', {})
    assert (kylin.id, kylin.domestic) == ("ubuntu", None)


def test_a_system_of_no_table_is_unknown_not_foreign() -> None:
    system = identify_os('NAME="Some OS"\nID=someos\nVERSION_ID=3', {})
    assert (system.id, system.name, system.version) == ("someos", "Some OS", "3")
    assert (system.lineage, system.package_manager, system.domestic) == (None, None, None)


def test_a_release_file_tells_the_minor_version() -> None:
    system = identify_os(
        'NAME="CentOS Linux"\nID="centos"\nVERSION_ID="7"\n',
        {"/etc/centos-release": "CentOS Linux release 7.9.2009 (Core)\n"},
    )
    assert (system.version, system.package_manager) == ("7.9.2009", "yum")


def test_without_os_release_the_release_file_speaks() -> None:
    files = {"/etc/neokylin-release": "NeoKylin Linux Advanced Server release V7Update6 (Chromium)"}
    system = identify_os(None, files)
    assert (system.id, system.domestic, system.lineage) == ("neokylin", True, "RedHat")
    assert system.version == "7"


def test_marks_quotes_and_line_ends_do_not_matter() -> None:
    text = (
        '\ufeffNAME=\'Kylin Linux Advanced Server\'\r\n  VERSION="V10 (Tercel)" \r\nID="kylin"\r\n'
    )
    for data in (text.encode(), text.encode("utf-16")):
        system = identify_os(decode(data), {})
        assert (system.id, system.version) == ("kylin", "V10 (Tercel)")
