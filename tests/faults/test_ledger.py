"""The judge is judged: every kind of violation is found, and a clean storm is not blamed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.faults.ledger import TIMEOUT_SECONDS, Expected, Ledger
from tests.faults.storm_watch import leaked


def clean(folder: Path) -> Ledger:
    """A ledger of one run that did all it had to."""
    effect = folder / "effect"
    effect.write_bytes(b"x")
    ledger = Ledger(7)
    ledger.ask(Expected("run", ("a", "b"), 3, effect))
    ledger.acknowledge("run", "id1")
    for word in ("Inited", "Scheduled", "Running", "Failed"):
        ledger.state("run", "poll", word)
    seen = ledger.subscription("run")
    seen.line(1, "a")
    seen.line(2, "b")
    seen.end("Failed", 3)
    return ledger


def test_a_clean_storm_is_not_blamed(tmp_path: Path) -> None:
    """A run that did what it had to leaves no violation."""
    clean(tmp_path).check()


SPOILERS: Mapping[str, Callable[[Ledger], object]] = {
    "I1": lambda ledger: ledger.ask(Expected("other", (), 0, Path("/nonexistent"))),
    "I2": lambda ledger: ledger.state("run", "poll", "Running"),
    "I2 word": lambda ledger: ledger.state("run", "push", "Paused"),
    "I3": lambda ledger: ledger.asked["run"].effect.write_bytes(b"xx"),
    "I4": lambda ledger: ledger.seen[0].lines.pop(),
    "I5": lambda ledger: ledger.seen[0].lines.append((4, "c")),
    "I5 readers": lambda ledger: ledger.subscription("run").line(2, "B"),
    "I5 end": lambda ledger: ledger.seen[0].end("Failed", 3),
    "I7": lambda ledger: ledger.seen[0].ends.insert(0, ("Failed", 4)),
    "I8": lambda ledger: ledger.acknowledge("run", "id2"),
    "I9": lambda ledger: ledger.violate("I9", "descriptors", "grew"),
    "I10": lambda ledger: leaked(ledger, "an answer", f"it is {ledger.secret}."),
    "I12": lambda ledger: ledger.waited.extend([0.1] * 90 + [TIMEOUT_SECONDS + 1] * 10),
    "I11": lambda ledger: ledger.violate("I11", "gateway", "a traceback"),
}
"""How each invariant can be broken."""


@pytest.mark.parametrize("how", SPOILERS)
def test_every_violation_is_found(tmp_path: Path, how: str) -> None:
    """Each broken invariant is named, with the seed."""
    ledger = clean(tmp_path)
    SPOILERS[how](ledger)
    with pytest.raises(AssertionError, match="seed 7") as raised:
        ledger.check()
    assert f"{how.partition(' ')[0]} " in str(raised.value)
