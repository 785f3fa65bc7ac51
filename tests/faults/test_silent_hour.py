"""A run that says nothing for an hour: its socket stays, it is pinged, and the next line arrives.

The hour passes for all parts of the gateway, sixty times as fast as it should. Only the shim keeps
true time, because nothing of a gateway's environment reaches it: it waits for output and has no
timer for its absence.
"""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.faults.fast_clock import FastClock
from tests.faults.retrying_client import calling
from tests.faults.storm import complaints
from tests.journeys.entrance import frame
from tests.support.served import Served, command, serving
from tests.support.waiting import wait_until

HOUR = 3600
SPEED = 60
LONG = str(12 * HOUR)
LIVE = {"Inited", "Scheduled", "Running"}
TEMPERATE = {"NARTHEX_REDIS_TIMEOUT_SECONDS": "60"}
"""What may take a second of the parts' time would have to be done in a sixtieth of one."""


class Pings(logging.Handler):
    """Counts the pings that a client is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.logger = logging.getLogger("tests.pings")
        self.logger.setLevel(logging.DEBUG)
        self.logger.propagate = False
        self.logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Hears of everything that the client does."""
        self.count += record.getMessage().startswith("< PING")


@pytest.mark.storm
@pytest.mark.timeout(300)
async def test_silence_for_an_hour(tmp_path: Path) -> None:
    """No socket, subscription or run ends for want of a word."""
    fast, go, pings = FastClock(tmp_path), tmp_path / "go", Pings()
    environment = fast.environment() | TEMPERATE
    with serving(tmp_path / "data", **environment) as gateway, calling(gateway) as caller:
        for_an_hour = command("token", "--user", "admin", "--ttl", str(HOUR), data=gateway.data)
        gateway.token = command("token", "--user", "admin", "--ttl", LONG, data=gateway.data)
        caller.http.headers.update(gateway.headers)
        silent = caller.execute(f"echo before; until [ -e {go} ]; do sleep 0.1; done; echo after")
        async with connect(
            gateway.socket_url, additional_headers=gateway.headers, logger=pings.logger
        ) as socket:
            await socket.send(frame(f"{silent}/subscribe", {"fromLine": 1, "format": "lines"}))
            (before,) = await lines(socket)
            fast.make(SPEED)
            silence = asyncio.create_task(lines(socket))
            await wait_until(lambda: refused(gateway, for_an_hour), "an hour of the gateway", 120)
            assert not silence.done()
            assert caller.status(silent) == "Running"
            go.touch()
            (after,) = await silence
            assert (before["n"], before["text"]) == (1, "before")
            assert (after["n"], after["text"]) == (2, "after")
            assert pings.count > 100
        assert caller.finished(silent) == "Succeed"
        assert not complaints(gateway)


async def lines(socket: ClientConnection) -> list[dict[str, object]]:
    """The next lines of a subscription; what comes besides them tells of no end."""
    while True:
        message = json.loads(await socket.recv())
        assert message["status"] == 0, message
        if str(message["method"]).endswith("/lines"):
            return list(message["data"]["lines"])
        assert message["data"].get("status", "Running") in LIVE, message


def refused(gateway: Served, token: str) -> bool:
    """Whether a token has expired."""
    headers = {"Authorization": f"Bearer {token}"}
    reply = httpx.get(f"{gateway.url}/api/rest_j/v1/user/userInfo", headers=headers)
    return reply.status_code == httpx.codes.UNAUTHORIZED
