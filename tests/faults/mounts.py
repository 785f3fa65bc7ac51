"""A small disk of a test's own: a tmpfs that is mounted for as long as the test lasts."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

__all__ = ["SmallDisk", "fill", "small_disk"]


class SmallDisk:
    """A mounted tmpfs; its size can be changed while it is in use."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def resize(self, size: str) -> None:
        """Gives it another size, such as ``8m``."""
        command = ["mount", "-o", f"remount,size={size}", str(self.path)]
        subprocess.run(command, check=True, capture_output=True, timeout=10)

    def allow(self, files: int) -> None:
        """Lets it have so many files and folders."""
        command = ["mount", "-o", f"remount,nr_inodes={files}", str(self.path)]
        subprocess.run(command, check=True, capture_output=True, timeout=10)

    def files(self) -> int:
        """How many files and folders it has."""
        facts = os.statvfs(self.path)
        return facts.f_files - facts.f_ffree

    def free(self) -> int:
        """The bytes that can still be written."""
        facts = os.statvfs(self.path)
        return facts.f_bavail * facts.f_frsize


@contextlib.contextmanager
def small_disk(path: Path, size: str) -> Iterator[SmallDisk]:
    """Mounts one at a folder; skips the test where that is not allowed."""
    if os.getuid() != 0:
        pytest.skip("a small disk can only be mounted by root")
    path.mkdir(parents=True, mode=0o700)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "narthex-test", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    try:
        yield SmallDisk(path)
    finally:
        # Lazily: a process of the run that is ending may still have its directory there.
        subprocess.run(["umount", "-l", str(path)], check=True, timeout=10)


def fill(disk: SmallDisk) -> Path:
    """Leaves no room at all on a disk; the file that does so."""
    ballast = disk.path / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            os.write(file.fileno(), bytes(4096))
    return ballast
