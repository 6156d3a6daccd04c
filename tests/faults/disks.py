"""A disk of a chosen size, so that a test can fill it and nobody else's writing counts."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A tmpfs of so many megabytes at ``folder``, which is made; unmounted at the end."""
    if os.geteuid() != 0:
        pytest.fail("mounting a small disk needs root: run this test as root", pytrace=False)
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs"]
    subprocess.run(["mount", *options, str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


class LoopDisk:
    """An ext4 file system in a file: what the file holds is what a disk would after a power cut.

    What programs wrote and did not sync is in memory only, as it is with a real disk.
    """

    def __init__(self, folder: Path, megabytes: int) -> None:
        if os.geteuid() != 0:
            pytest.fail("mounting a loop disk needs root: run this test as root", pytrace=False)
        folder.mkdir()
        self.image = folder / "image"
        self.mounted = folder / "disk"
        self.mounted.mkdir()
        with self.image.open("wb") as file:
            file.truncate(megabytes << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", str(self.image)], check=True)
        mount_image(self.image, self.mounted)

    def close(self) -> None:
        subprocess.run(["umount", "-l", str(self.mounted)], check=True)

    @contextmanager
    def after_power_cut(self, pids: Sequence[int], folder: Path) -> Iterator[Path]:
        """The disk as the writers' power cut would leave it, mounted on its own; they go on."""
        folder.mkdir()
        copy, place = folder / "image", folder / "disk"
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            # No sync: only what reached the image is copied.
            subprocess.run(["cp", "--sparse=always", str(self.image), str(copy)], check=True)
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        place.mkdir()
        mount_image(copy, place)
        try:
            yield place
        finally:
            subprocess.run(["umount", "-l", str(place)], check=True)
            copy.unlink()


def mount_image(image: Path, place: Path) -> None:
    """Mounts an image; ext4 replays its journal as after a crash."""
    subprocess.run(["mount", "-o", "loop", str(image), str(place)], check=True)


@contextmanager
def loop_disk(folder: Path, megabytes: int) -> Iterator[LoopDisk]:
    """A LoopDisk at ``folder``, which is made; unmounted at the end."""
    disk = LoopDisk(folder, megabytes)
    try:
        yield disk
    finally:
        disk.close()
