"""Lines that are no longer kept, in the console: said to be so, in their place."""

from __future__ import annotations

from pathlib import Path

from tests.gateway.console.driver import Console
from tests.gateway.console.test_journeys import ROOT, ended, submitted
from tests.support.gateway import serving_gateway

CAP = {"NARTHEX_RUNNER_OUTPUT_BYTES": "400000"}


def test_a_gap_is_told(console: Console, tmp_path: Path) -> None:
    """Of an output beyond its cap the head and the tail are shown, with their own numbers."""
    with serving_gateway(tmp_path / "data", **CAP) as gateway:
        number = submitted(gateway, "seq 1000000; sleep 1; seq 1000000")
        ended(gateway, number)
        capped = Console(console.page, gateway.url)
        capped.enter(f"/?task={number}")
        capped.reads(".row .text", "1000000")
        with gateway.client("ann") as client:
            path = f"{ROOT}/entrance/{number}/log?format=lines&fromLine=1000000&size=1"
            ((first, last),) = client.get(path).json()["data"]["gaps"]
        capped.open(f"/?task={number}#L{(first + last) // 2}")
        capped.reads("log-view .row.current", "no longer kept")
        capped.open(f"/?task={number}#L3")
        capped.reads(".row.current[data-line='3'] .text", "3")
        capped.open(f"/?task={number}#L{last + 1}")
        capped.reads(".row.current .text", str(last + 1 - 1_000_000))
