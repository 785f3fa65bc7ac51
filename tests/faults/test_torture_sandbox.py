"""The torrent of the torture log, from a task in a sandbox, which the native shim does not make."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engines.conftest import enclosable
from tests.faults.test_torture import TORRENT, torture


@pytest.mark.storm
@pytest.mark.timeout(180)
async def test_a_torrent_out_of_a_sandbox_through_cuts(tmp_path: Path) -> None:
    """The same from a task that sees nothing but its own program and where it keeps its record."""
    enclosable()
    settings = {
        "NARTHEX_RUNNER_ISOLATION": "sandbox",
        "NARTHEX_RUNNER_SANDBOX_READ_ONLY": f"{{ all = ['{TORRENT.parent}'] }}",
        "NARTHEX_RUNNER_SANDBOX_WRITABLE": f"{{ all = ['{tmp_path / 'records'}'] }}",
    }
    await torture(tmp_path, 20_000, 20, 150, **settings)
