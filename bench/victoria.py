"""VictoriaMetrics as a peer: its process, and the same samples in its ingestion formats."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

START_SECONDS = 30.0


class Victoria:
    """A running victoria-metrics; ``url`` is its address."""

    def __init__(self, url: str, process: subprocess.Popen[bytes]) -> None:
        self.url = url
        self.process = process

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.url + path, timeout=600) as answer:
            return bytes(answer.read())

    def post(self, path: str, body: bytes, headers: dict[str, str] | None = None) -> None:
        request = urllib.request.Request(self.url + path, data=body, headers=headers or {})
        with urllib.request.urlopen(request, timeout=600) as answer:
            answer.read()

    def figure(self, prefix: str) -> float:
        """The sum of the lines of /metrics that begin with ``prefix``."""
        lines = self.get("/metrics").decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(prefix))

    def settle(self) -> None:
        """Everything on disk and merged."""
        self.get("/internal/force_flush")
        self.get("/internal/force_merge")
        time.sleep(1)
        while self.figure("vm_active_merges") > 0:
            time.sleep(0.2)
        time.sleep(1)

    @property
    def rss_mb(self) -> float:
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        return 0.0


@contextmanager
def victoria(folder: Path) -> Iterator[Victoria]:
    """victoria-metrics with its defaults on ``folder``, at a free port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    process = subprocess.Popen(
        [
            "victoria-metrics",
            f"-storageDataPath={folder}",
            "-retentionPeriod=100y",
            f"-httpListenAddr={address}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"]},
    )
    running = Victoria(f"http://{address}", process)
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                running.get("/health")
                break
            except (urllib.error.URLError, ConnectionError):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        yield running
    finally:
        process.terminate()
        process.wait(60)


def json_lines(series: Sequence[tuple[str, str, Sequence[float], Sequence[int]]]) -> bytes:
    """``/api/v1/import``: (metric, resource, values, times in ms) a line."""
    return "\n".join(
        f'{{"metric":{{"__name__":"{name}","resource":"{resource}"}},'
        f'"values":[{",".join(map(str, values))}],"timestamps":[{",".join(map(str, times))}]}}'
        for name, resource, values, times in series
    ).encode()


def remote_write(series: Sequence[tuple[bytes, float, int]]) -> bytes:
    """``/api/v1/write``: Prometheus remote write 1.0, snappy: (labels, value, time in ms) each."""
    parts: list[bytes] = []
    for labels, value, time_ms in series:
        sample = b"\x09" + struct.pack("<d", value) + b"\x10" + _varint(time_ms)
        message = labels + b"\x12" + _varint(len(sample)) + sample
        parts.append(b"\x0a" + _varint(len(message)) + message)
    return bytes(pa.Codec("snappy").compress(b"".join(parts), asbytes=True))


REMOTE_WRITE_HEADERS = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}


def labels(name: str, resource: str) -> bytes:
    """The labels of one series as remote_write wants them."""
    out = b""
    for key, text in (("__name__", name), ("resource", resource)):
        pair = _field(key) + b"\x12" + _field(text)[1:]
        out += b"\x0a" + _varint(len(pair)) + pair
    return out


def _field(text: str) -> bytes:
    raw = text.encode()
    return b"\x0a" + _varint(len(raw)) + raw


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
