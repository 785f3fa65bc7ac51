"""The gateway runs out of descriptors: who is there is served, and later everybody is again."""

from __future__ import annotations

import resource
import socket
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from tests.faults.retrying_client import calling
from tests.support.served import Served, serving
from tests.support.waiting import wait_until_sync

SPARE = 40
SOCKETS = 200


def descriptors(pid: int) -> int:
    """How many a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def ticks(pid: int) -> int:
    """The processor time that a process has used."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(words[11]) + int(words[12])


def crowd(gateway: Served, stack: ExitStack) -> None:
    """Opens connections that ask for nothing."""
    place = urlsplit(gateway.url)
    for _ in range(SOCKETS):
        one = stack.enter_context(socket.socket())
        one.settimeout(2)
        one.connect((place.hostname, place.port))


def test_it_recovers_when_descriptors_are_free_again(tmp_path: Path) -> None:
    """At its limit it serves those it has, does not spin, and takes new ones when it can."""
    with serving(tmp_path / "data") as gateway, calling(gateway) as caller:
        exec_id = caller.execute("echo here")
        assert caller.finished(exec_id) == "Succeed"
        (app,) = gateway.parts("gateway.app")
        before = resource.prlimit(app, resource.RLIMIT_NOFILE)
        few = descriptors(app) + SPARE
        resource.prlimit(app, resource.RLIMIT_NOFILE, (few, before[1]))
        with ExitStack() as stack:
            crowd(gateway, stack)
            wait_until_sync(lambda: descriptors(app) >= few - 2, "the limit to be reached")
            used, begun = ticks(app), time.monotonic()
            for _ in range(10):
                assert caller.status(exec_id) == "Succeed"
            wait_until_sync(lambda: time.monotonic() - begun > 2, "two seconds to pass")
            share = (ticks(app) - used) / 100 / (time.monotonic() - begun)
            assert share < 0.7, f"it spins: {share:.0%} of a processor"
        resource.prlimit(app, resource.RLIMIT_NOFILE, before)
        with calling(gateway) as other:
            assert other.finished(other.execute("echo again")) == "Succeed"
        wait_until_sync(lambda: descriptors(app) < few - SPARE // 2, "the crowd to be gone")
        assert gateway.parts("gateway.app") == [app]
