"""The whole suite's traffic, held against the API documents.

Every gateway that a test starts, in whatever way, finds in its environment where to keep what it
answers; after each test the fixture ``documented`` looks at what is new. What has the shape of
something that was looked at before is passed over.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.traffic.shapes import shape_of

__all__ = ["Traffic", "documented", "recording", "traffic", "unheld"]

HOLD = "NARTHEX_TEST_HOLD"
FOLDER = "TRAFFIC_OF_TESTS"
RECORDER = Path(__file__).parent / "traffic"


class Traffic:
    """What the gateways that keep it in a folder answered.

    Args:
        folder: what ``recording`` was given.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[Path, int] = {}
        self._held: set[object] = set()

    def fresh(self) -> Iterator[tuple[list[Any], Any]]:
        """Each reply and message since the last look: what it is, its value if it is JSON."""
        for entry in list(os.scandir(self._folder)):
            file = Path(entry.path)
            over = not Path("/proc", file.name.partition("-")[0]).exists()
            done = self._read.get(file, 0)
            if entry.stat().st_size > done:
                with file.open("rb") as opened:
                    opened.seek(done)
                    # Who is killed may leave the beginning of a line.
                    data, end, _ = opened.read().rpartition(b"\n")
                self._read[file] = done + len(data + end)
                for line in data.splitlines():
                    record = json.loads(line)
                    yield record["place"], record["value"]
            if over:
                file.unlink()
                self._read.pop(file, None)

    def faults(self) -> list[str]:
        """Why what came since the last look does not fit the documents, a sentence for each."""
        fresh = list(self.fresh())
        if not fresh:
            return []
        from tests.support.documented import fault  # noqa: PLC0415 - few tests start a gateway

        found = []
        for place, value in fresh:
            shape = (*place, shape_of(value))
            if shape not in self._held:
                self._held.add(shape)
                found.append(fault(place, value))
        return list(filter(None, found))


def recording(folder: Path) -> dict[str, str]:
    """The environment in which a gateway keeps what it answers in a folder that is there."""
    path = [str(RECORDER), *filter(None, [os.environ.get("PYTHONPATH", "")])]
    return {FOLDER: str(folder), "PYTHONPATH": os.pathsep.join(dict.fromkeys(path))}


def unheld(reason: str) -> dict[str, str]:
    """The environment of a gateway whose answers are not held against the documents."""
    assert reason
    return {FOLDER: ""}


@pytest.fixture(scope="session", autouse=True)
def traffic() -> Iterator[Traffic | None]:
    """What the gateways of this process answer; None with ``NARTHEX_TEST_HOLD=0``."""
    if os.environ.get(HOLD, "1") == "0":
        yield None
        return
    with (
        tempfile.TemporaryDirectory(prefix="nx-traffic-") as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        Path(folder).chmod(0o777)  # some gateways are another user's
        for name, value in recording(Path(folder)).items():
            patch.setenv(name, value)
        found = Traffic(Path(folder))
        yield found
        assert not (faults := found.faults()), "\n".join(faults)


@pytest.fixture(autouse=True)
def documented(traffic: Traffic | None) -> Iterator[None]:
    """Fails a test during which a gateway answered what the API documents do not say."""
    yield
    assert not (faults := traffic.faults() if traffic else []), "\n".join(faults)
