"""Jobs of three users over two virtual clusters with shares of 3 to 1 and a ceiling."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.served import Served, serving
from tests.support.waiting import wait_until_sync

SLOTS, SHARE, CEILING = 8, 25, 50
MOST_SMALL = SLOTS * CEILING // 100
JOBS = 200
BIG = 140
SECONDS = 0.05
USERS = ("ann", "bob", "carl")


@dataclass(frozen=True, slots=True)
class Mark:
    """That a job started or ended, as its process wrote it."""

    cluster: str
    number: int
    started: bool


def marks(book: Path) -> list[Mark]:
    """All that was written, in order."""
    found = []
    for line in book.read_text().splitlines():
        word, cluster, number = line.split()
        found.append(Mark(cluster, int(number), word == "start"))
    return found


def starts(seen: Sequence[Mark], cluster: str) -> int:
    """How many jobs of a cluster have started."""
    return sum(1 for one in seen if one.started and one.cluster == cluster)


def ends(seen: Sequence[Mark]) -> int:
    """How many jobs have ended."""
    return sum(1 for one in seen if not one.started)


def most_at_once(seen: Sequence[Mark], cluster: str) -> int:
    """How many jobs of a cluster ran at the same time at most."""
    now = most = 0
    for one in seen:
        if one.cluster == cluster:
            now += 1 if one.started else -1
            most = max(most, now)
    return most


class Portal:
    """An administrator's client and three users' tokens."""

    def __init__(self, gateway: Served) -> None:
        self._http = httpx.Client(base_url=f"{gateway.url}/api", timeout=60)
        self._admin = gateway.headers
        self._tokens: dict[str, dict[str, str]] = {}

    def put(self, path: str, body: dict[str, Any]) -> None:
        """A change that must be accepted."""
        reply = self._http.put(path, json=body, headers=self._admin)
        assert reply.status_code == 201, reply.text

    def user(self, name: str, clusters: Sequence[str]) -> None:
        """Somebody who may use clusters."""
        login = {"username": name, "password": f"secret-of-{name}"}
        body = login | {"virtualCluster": list(clusters)}
        assert self._http.post("/v2/user", json=body, headers=self._admin).status_code == 201
        token = self._http.post("/v1/token", json=login).json()["token"]
        self._tokens[name] = {"Authorization": f"Bearer {token}"}

    def submit(self, user: str, cluster: str, number: int, command: str) -> int:
        """A job of one task; the status of the reply."""
        role = {"name": "w", "command": command, "memoryMB": 16}
        job = {
            "jobName": f"{cluster}{number}",
            "image": "",
            "virtualCluster": cluster,
            "taskRoles": [role],
        }
        reply = self._http.post(f"/v1/user/{user}/jobs", json=job, headers=self._tokens[user])
        return reply.status_code

    def cluster(self, name: str) -> dict[str, Any]:
        """A cluster's document."""
        return dict(self._http.get(f"/v1/virtual-clusters/{name}").json())

    def states(self) -> set[str]:
        """All states of all jobs."""
        return {row["state"] for row in self._http.get("/v1/jobs").json()}

    def close(self) -> None:
        """Ends the connection."""
        self._http.close()


@pytest.mark.timeout(400)
def test_starts_follow_shares_and_ceilings(tmp_path: Path) -> None:
    """Contract 5.3: shares while both wait, the ceiling always, nothing from a drained cluster."""
    book, gate = tmp_path / "book", tmp_path / "gate"
    book.touch()
    with serving(
        tmp_path / "data",
        NARTHEX_RUNNER_RUNNING_TOTAL=str(SLOTS),
        NARTHEX_RUNNER_RUNNING_PER_USER=str(SLOTS),
    ) as gateway:
        portal = Portal(gateway)
        try:
            scenario(portal, book, gate)
        finally:
            portal.close()


def scenario(portal: Portal, book: Path, gate: Path) -> None:
    """Submits all behind a gate, drains the small cluster, opens both, and judges the book."""
    portal.put("/v1/virtual-clusters/big", {"vcCapacity": 100 - SHARE, "vcMaxCapacity": 100})
    portal.put("/v1/virtual-clusters/small", {"vcCapacity": SHARE, "vcMaxCapacity": CEILING})
    for name in USERS:
        portal.user(name, ("big", "small"))

    def submitted(number: int) -> int:
        cluster = "big" if number < BIG else "small"
        command = (
            f"while [ ! -e {gate} ]; do sleep 0.1; done; echo start {cluster} {number} >> {book}; "
            f"sleep {SECONDS}; echo end {cluster} {number} >> {book}"
        )
        return portal.submit(USERS[number % 3], cluster, number, command)

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(submitted, range(JOBS))) == {202}
    wait_until_sync(
        lambda: portal.cluster("big")["resourcesUsed"]["vCores"] == SLOTS,
        "no slot to be free",
        timeout=60,
    )

    portal.put("/v1/virtual-clusters/small/status", {"vcStatus": "stopped"})
    assert portal.cluster("small")["status"] == "DRAINING"
    assert portal.submit("ann", "small", JOBS, "true") == 403
    gate.touch()
    wait_until_sync(lambda: starts(marks(book), "big") >= 40, "jobs to start", timeout=120)
    assert starts(marks(book), "small") == 0
    portal.put("/v1/virtual-clusters/small/status", {"vcStatus": "running"})
    # The book costs the gateway nothing, a list of all jobs does.
    wait_until_sync(lambda: ends(marks(book)) == JOBS, "all jobs to run", timeout=150)
    wait_until_sync(lambda: portal.states() == {"SUCCEEDED"}, "all jobs to end", timeout=60)

    seen = marks(book)
    assert (starts(seen, "big"), starts(seen, "small")) == (BIG, JOBS - BIG)
    assert most_at_once(seen, "small") <= MOST_SMALL
    assert most_at_once(seen, "big") <= SLOTS
    first = next(at for at, one in enumerate(seen) if one.cluster == "small")
    last = max(at for at, one in enumerate(seen) if one.cluster == "big" and one.started)
    both = seen[first:last]
    ratio = starts(both, "big") / starts(both, "small")
    assert 2 <= ratio <= 4.5, ratio
