"""The torrent of the torture log, from a task in a sandbox, made by either shim."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engines.conftest import enclosable
from tests.faults.test_torture import TORRENT, torture
from tests.support.native import native_program


def boxed(folder: Path, shim: str) -> dict[str, str]:
    """Settings by which a task sees nothing but its own program and where it keeps its record."""
    enclosable()
    if shim == "native":
        native_program()
    return {
        "NARTHEX_RUNNER_ISOLATION": "sandbox",
        "NARTHEX_RUNNER_SHIM": shim,
        "NARTHEX_RUNNER_SANDBOX_READ_ONLY": f"{{ all = ['{TORRENT.parent}'] }}",
        "NARTHEX_RUNNER_SANDBOX_WRITABLE": f"{{ all = ['{folder / 'records'}'] }}",
    }


@pytest.mark.parametrize("shim", ["python", "native"])
@pytest.mark.timeout(180)
async def test_a_little_out_of_a_sandbox_through_cuts(tmp_path: Path, shim: str) -> None:
    """A tenth of the torrent and of the cuts, each time the suite runs."""
    await torture(tmp_path, 2_000, 4, 90, **boxed(tmp_path, shim))


@pytest.mark.storm
@pytest.mark.parametrize("shim", ["python", "native"])
@pytest.mark.timeout(180)
async def test_a_torrent_out_of_a_sandbox_through_cuts(tmp_path: Path, shim: str) -> None:
    """The same from a task that sees nothing but its own program and where it keeps its record."""
    await torture(tmp_path, 20_000, 20, 150, **boxed(tmp_path, shim))
