"""collect.sh here: every shell it promises, root and nobody, hosts that lack things."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from playbooks.judge.bundle import parse_bundle, read_bundle
from tests.real.playbooks.collecting import COLLECT, SHELLS, bare_path, collect, run_collector

QUICK = "uname os_release processes sockets addresses routes links elf tools services"


@pytest.fixture(params=sorted(SHELLS))
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def namespace(tmp_path: Path) -> Iterator[str]:
    """A network namespace with an address, a route and /etc of its own."""
    name = f"yx{os.getpid()}"
    etc = Path("/etc/netns") / name
    etc.mkdir(parents=True)
    (etc / "os-release").write_text('ID="kylin"\nVERSION_ID="V10"\nNAME="银河麒麟"\n')
    subprocess.run(["ip", "netns", "add", name], check=True)
    run = ["ip", "netns", "exec", name]
    for command in (
        "ip link set lo up",
        "ip link add up0 type veth peer name up1",
        "ip addr add 192.168.50.7/24 dev up0",
        "ip addr add fd00:50::7/64 dev up0 nodad",
        "ip link set up0 up",
        "ip link set up1 up",
        "ip route add default via 192.168.50.1",
    ):
        subprocess.run([*run, *command.split()], check=True)
    yield name
    subprocess.run(["ip", "netns", "del", name], check=True)
    shutil.rmtree(etc)


def test_every_shell_brings_home_a_whole_bundle(shell: str) -> None:
    bundle = collect(shell, "-a", 'ask"\\me')
    assert bundle.asset == 'ask"\\me'
    assert bundle.privilege == "root"
    assert len(bundle.sections) == 53
    assert "sysname=Linux" in bundle.section("uname").data
    assert bundle.section("os_release").complete
    own = [line for line in bundle.section("processes").data.splitlines() if "collect.sh" in line]
    assert own
    assert own[0].split("\t")[2] == "root"


def test_nobody_gets_what_nobody_may_see_and_the_rest_is_marked(shell: str) -> None:
    prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    bundle = collect(shell, "-s", f"{QUICK} firewall", prefix=prefix)
    assert bundle.privilege == "user"
    assert bundle.section("firewall").status == "denied"
    assert bundle.section("processes").status == "denied"
    assert "collect.sh" in bundle.section("processes").data
    assert bundle.section("addresses").complete


def test_no_python_and_no_iproute_are_needed(shell: str, tmp_path: Path) -> None:
    """The PATH holds coreutils, awk, sed, grep and find alone; /usr is hidden behind it."""
    path = bare_path(tmp_path / "bin")
    program = [*SHELLS[shell]]
    program[0] = str(shutil.which(program[0]))
    script = COLLECT.read_text().replace(
        "PATH=${PATH:-/usr/bin:/bin}:/usr/sbin:/sbin:/usr/local/sbin:/usr/local/bin:/usr/bin:/bin",
        f"PATH={path}",
    )
    copy = tmp_path / "collect.sh"
    copy.write_text(script)
    done = subprocess.run(
        [*program, str(copy), "-s", QUICK],
        env={"PATH": path},
        capture_output=True,
        check=False,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
    bundle = parse_bundle(done.stdout)
    assert "python" not in bundle.section("tools").data
    assert "127.0.0.1/" in bundle.section("addresses").data
    assert bundle.section("routes").status == "ok"
    assert "7f454c46" in bundle.section("elf").data


def test_a_namespaced_host_shows_its_own_os_addresses_sockets_and_connections(
    namespace: str, tmp_path: Path
) -> None:
    prefix = ["ip", "netns", "exec", namespace]
    script = tmp_path / "serve.py"
    script.write_text(
        "import socket, sys, time\n"
        "s = socket.create_server(('192.168.50.7', 5236))\n"
        "c = socket.create_connection(('192.168.50.7', 5236))\n"
        "a = s.accept(); v = socket.create_server(('::', 8088), family=socket.AF_INET6)\n"
        "print('up', flush=True); time.sleep(90)\n"
    )
    server = subprocess.Popen(
        [*prefix, shutil.which("python3") or "python3", str(script)], stdout=subprocess.PIPE
    )
    try:
        assert server.stdout is not None
        server.stdout.readline()
        bundle = collect("dash", prefix=prefix)
    finally:
        server.kill()
        server.wait()
        assert server.stdout is not None
        server.stdout.close()
    assert 'ID="kylin"' in bundle.section("os_release").data
    assert "银河麒麟" in bundle.section("os_release").data
    assert "up0\tinet\t192.168.50.7/24" in bundle.section("addresses").data
    assert "up0\tinet6\tfd00:50::7/64" in bundle.section("addresses").data
    assert "4\tdefault via 192.168.50.1 dev up0" in bundle.section("routes").data
    listening = bundle.section("sockets").data
    assert f"tcp\t192.168.50.7\t5236\t{server.pid}\tpython3" in listening
    assert "tcp6\t::\t8088" in listening
    assert "tcp\t192.168.50.7\t" in bundle.section("connections").data
    assert "\t192.168.50.7\t5236\t" in bundle.section("connections").data


def test_secrets_are_struck_out_and_the_rest_of_the_line_stays(shell: str, tmp_path: Path) -> None:
    app = tmp_path / "app"
    app.mkdir()
    canary = "C4nary-Zq7"
    (app / "db.properties").write_text(
        f"jdbc.url=jdbc:oracle:thin:scott/{canary}@10.1.2.3:1521:orcl\n"
        f"spring.datasource.password = {canary}\n"
        f'jdbc.driver="x" dbPassword="{canary}" driver=oracle.jdbc.OracleDriver\n'
        f"uri=http://ops:{canary}@10.1.2.4:8080/x\n"
        f"jdbc:mysql://10.1.2.5/x?user=root&password={canary}&ssl=0\n"
        f"mq.accessKey: {canary}\n"
    )
    secret = subprocess.Popen(
        [
            "sh",
            "-c",
            "sleep 60; :",
            f"--password={canary}",
            f"-Ddb.token={canary}",
            "--password",
            canary,
        ]
    )
    try:
        bundle = collect(shell, "-s", "appconfig processes", "-d", str(app))
    finally:
        subprocess.run(["kill", str(secret.pid)], check=True)
        secret.wait()
    whole = "\n".join(section.data for section in bundle.sections.values())
    assert canary not in whole
    assert "jdbc:oracle:thin:scott/***@10.1.2.3:1521:orcl" in whole
    assert "http://ops:***@10.1.2.4:8080/x" in whole
    assert "driver=oracle.jdbc.OracleDriver" in whole
    assert "--password=***" in whole


def test_bytes_that_are_not_utf8_do_not_spoil_the_bundle(shell: str, tmp_path: Path) -> None:
    app = tmp_path / "app"
    app.mkdir()
    text = "统一认证".encode("gb18030")
    (app / "gbk.properties").write_bytes(b"name=" + text + b' jdbc:dm://10.0.0.1:5236\x01\x7f\\"\n')
    (app / "utf8.properties").write_text("名称=迁移 jdbc:dm://10.0.0.2:5236\n", encoding="utf-8")
    data = collect(shell, "-s", "appconfig", "-d", str(app)).section("appconfig").data
    assert 'jdbc:dm://10.0.0.1:5236\x01\x7f\\"' in data
    assert "\ufffd" in data
    assert "名称=迁移 jdbc:dm://10.0.0.2:5236" in data


def test_a_section_over_its_size_is_cut_at_a_line_and_marked(shell: str) -> None:
    section = collect(shell, "-s", "packages", "-b", "2000").section("packages")
    assert section.status == "truncated"
    assert 0 < len(section.data) <= 2001
    assert all("\t" in line for line in section.data.splitlines())


def test_a_section_over_its_time_is_ended_with_all_its_children(shell: str, tmp_path: Path) -> None:
    slow = tmp_path / "slow"
    slow.mkdir()
    (slow / "lscpu").write_text("#!/bin/sh\necho before\nsleep 4177\n")
    (slow / "lscpu").chmod(0o755)
    began = time.monotonic()
    done = run_collector(
        shell,
        "-s",
        "lscpu uname",
        "-t",
        "2",
        environment={"PATH": f"{slow}:{os.environ['PATH']}"},
    )
    bundle = parse_bundle(done.stdout)
    assert time.monotonic() - began < 20
    assert bundle.section("lscpu").status == "timeout"
    assert bundle.section("lscpu").data == "before\n"
    assert bundle.section("uname").complete
    left = subprocess.run(["pgrep", "-f", "sleep 4177"], capture_output=True, check=False)
    assert left.stdout == b""


def test_the_file_comes_with_its_digest_and_nothing_stays_behind(
    shell: str, tmp_path: Path
) -> None:
    out = tmp_path / "b.json"
    before = set(os.listdir("/dev/shm"))
    done = run_collector(shell, "-s", "uname", "-o", str(out))
    assert done.returncode == 0
    assert done.stdout == b""
    announced = (tmp_path / "b.json.sha256").read_text().split()[0]
    assert announced == hashlib.sha256(out.read_bytes()).hexdigest()
    assert read_bundle(out, announced).asset == socket.gethostname()
    assert {name for name in set(os.listdir("/dev/shm")) - before if "yunxun" in name} == set()


def test_native_libraries_in_the_jars_of_running_javas_are_named_without_unzip(
    shell: str, tmp_path: Path
) -> None:
    app = tmp_path / "app"
    app.mkdir()
    jar = app / "snappy.jar"
    with zipfile.ZipFile(jar, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("org/xerial/snappy/native/Linux/x86_64/libsnappyjava.so", os.urandom(9000))
        archive.writestr("org/xerial/snappy/native/Linux/aarch64/libsnappyjava.so", b"x")
        archive.writestr("A.class", os.urandom(70000))
    # To /proc a Java is a program of that name with options and open JARs: a shell can be one.
    java = app / "jdk" / "bin" / "java"
    java.parent.mkdir(parents=True)
    shutil.copy(shutil.which("dash") or "", java)
    (app / "jdk" / "release").write_text('JAVA_VERSION="1.8.0_372"\nOS_ARCH="aarch64"\n')
    jvm = subprocess.Popen(
        [str(java), "-s", "--", "-Dtongweb.home=/opt/tongweb", "com.tongweb.Main"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert jvm.stdout is not None
    assert jvm.stdin is not None
    try:
        jvm.stdin.write(f"exec 3<{jar}; echo up; read stop\n".encode())
        jvm.stdin.flush()
        jvm.stdout.readline()
        bundle = collect(shell, "-s", "java jars")
    finally:
        jvm.kill()
        jvm.wait()
        jvm.stdin.close()
        jvm.stdout.close()
    assert f"{jvm.pid}\tJAVA_VERSION\t1.8.0_372" in bundle.section("java").data
    assert f"{jvm.pid}\tmain\tcom.tongweb.Main" in bundle.section("java").data
    assert f"{jvm.pid}\t-Dtongweb.home\t/opt/tongweb" in bundle.section("java").data
    line = next(one for one in bundle.section("jars").data.splitlines() if "snappy.jar" in one)
    assert line.split("\t")[2].split(",") == [
        "org/xerial/snappy/native/Linux/aarch64/libsnappyjava.so",
        "org/xerial/snappy/native/Linux/x86_64/libsnappyjava.so",
    ]


def test_collecting_changes_no_file_of_the_application(tmp_path: Path) -> None:
    app = tmp_path / "app"
    (app / "deep").mkdir(parents=True)
    (app / "a.conf").write_text("listen 80 localhost\n")
    (app / "deep" / "x.jsp").write_text("new ActiveXObject('x')\n")
    os.mkfifo(app / "pipe.conf")
    (app / "loop").symlink_to(app)

    def state() -> list[tuple[str, int, int]]:
        return sorted(
            (str(p), p.lstat().st_mtime_ns, p.lstat().st_size)
            for p in app.rglob("*")
            if not p.is_dir()
        )

    before = state()
    bundle = collect("dash", "-s", "appconfig code files", "-d", str(app))
    assert state() == before
    assert f"{app}/deep/x.jsp:1:new ActiveXObject" in bundle.section("code").data


def test_wrong_arguments_are_told_and_cost_status_2() -> None:
    done = run_collector("dash", "-t", "soon")
    assert done.returncode == 2
    assert done.stderr == b"collect.sh: not a number: soon\n"
    assert json.loads(run_collector("dash", "-s", "uname").stdout)["format"] == 1
