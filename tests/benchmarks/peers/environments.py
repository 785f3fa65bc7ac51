"""An environment of its own for each peer, made once and kept.

What a peer needs must not change what Narthex is tested with, so nothing of it is installed there.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

__all__ = ["PACKAGES", "python_of"]

PACKAGES = {
    "dask": ("distributed>=2026.1",),
    "kernel_gateway": ("jupyter_kernel_gateway>=3", "ipykernel>=7"),
    "ray": ("ray[default]>=2.50",),
}
"""What is installed for each peer; websocketd is a program and comes with the system."""

_SECONDS = 900


def python_of(peer: str, folder: Path) -> Path:
    """The interpreter of a peer's environment below a folder, which is made if it is not there.

    Raises:
        subprocess.CalledProcessError: the packages cannot be had.
    """
    place = folder / peer
    python = place / "bin" / "python"
    whole = place / "whole"
    if not whole.exists():
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(place)],
            [str(python), "-m", "pip", "install", "-qq", *PACKAGES[peer]],
        ):
            subprocess.run(command, check=True, timeout=_SECONDS)
        whole.touch()
    return python
