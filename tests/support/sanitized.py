"""The whole native shim, built with the address and undefined-behaviour sanitizers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import tests.engines.shim.native
from engines.shim.native import build
from tests.engines.shim.native.drive import SANITIZED
from tests.support.absent import missing

__all__ = ["WANTED", "sanitized_shim"]

WANTED = "NARTHEX_SANITIZED"
"""The variable that has the tests of engines run their native shims so."""


@contextmanager
def sanitized_shim(folder: Path) -> Iterator[None]:
    """Has every zygote of this process be one with sanitizers; at the end nothing was reported."""
    if not build.compiler():
        missing("there is no C compiler")
    reports = folder / "report"
    own = Path(tests.engines.shim.native.__file__).with_name("sanitized.c")
    program = build.build(
        folder,
        extra=(*SANITIZED, f'-DREPORTS="{reports}"'),
        sources=[*sorted(build.FOLDER.glob("*.c")), own],
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "find", lambda: program)
        yield
    said = [path.read_text(errors="replace") for path in folder.glob("report*")]
    assert not said, "\n".join(said)
