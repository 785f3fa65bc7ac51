"""The native shim, built once for all tests that want it."""

from __future__ import annotations

from pathlib import Path

from engines.shim.native import build
from tests.support.absent import missing

__all__ = ["native_program"]


def native_program() -> Path:
    """The program, built if it is not there; without a compiler the test is left out."""
    if not build.compiler():
        missing("there is no C compiler")
    return build.find() or build.build()
