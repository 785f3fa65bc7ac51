"""What attacks cost others. The figures of all of them: ``python -m tests.faults.canary``."""

import tempfile
from pathlib import Path

import pytest

from tests.faults.attacks import ATTACKS
from tests.faults.canary import TOGETHER, measured, prepared
from tests.support.served import serving

SMOKE_SECONDS = 2.0
"""Within which every request is answered, on a machine that is busy with other tests."""


async def test_four_attacks_at_once_keep_nobody_waiting(tmp_path: Path) -> None:
    """Rows D2 to D5, in short: another user's requests are answered while four attacks go on."""
    with serving(tmp_path / "data") as gateway:
        target = await prepared(gateway, rows=1000, columns=2000)
        for names in TOGETHER:
            found = await measured(gateway, target, names, 3.0)
            assert found.failed == 0
            assert len(found.waited) > 20
            assert found.share(0.99) < SMOKE_SECONDS, found.line()


@pytest.mark.storm
@pytest.mark.timeout(600)
async def test_no_attack_keeps_anybody_waiting() -> None:
    """Row D: p99 below 200 ms under each attack and under four at once, and memory comes back."""
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "data") as gateway:
        target = await prepared(gateway)
        rounds = [(name,) for name in ATTACKS] + list(TOGETHER)
        broken = [
            found.line()
            for names in rounds
            if not (found := await measured(gateway, target, names, 6.0)).within
        ]
        assert not broken, "\n".join(broken)
