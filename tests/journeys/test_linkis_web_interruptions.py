"""The web clients' conversations, interrupted: drops, refused reconnects, deaths and restarts.

What is asserted of each run is the same as without: see ``linkis_web_runs``.
"""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import httpx
import pytest

from tests.journeys.linkis_web import Browser, Client, browsing
from tests.journeys.linkis_web_runs import (
    ADMIN,
    SOCKETS,
    every_line_once,
    printed,
    received_in_time,
    scripted,
)
from tests.support.served import Served, admin_password, command, serving
from tests.support.waiting import wait_until


@SOCKETS
async def test_a_drop_in_mid_run(served: Served, client: Client) -> None:
    """The page comes back and is told the rest unasked: every line once, and the end (4.8)."""
    async with browsing(served, ADMIN, admin_password(served.data), client) as page:
        await page.open()
        tab = await page.execute(scripted(40, pause=0.05))
        await page.acknowledged(tab)
        while len(tab.output) < 5:
            await page.listen()
        await page.drop()
        await page.ended(tab)
        assert page.post_type == "socket"
        await every_line_once(page, tab, 40)
        received_in_time(page, tab, tab.ended_at)
        assert tab.status == "Succeed"


@SOCKETS
async def test_the_end_comes_while_nobody_listens(served: Served, client: Client) -> None:
    """What ended between drop and reconnect is told to its end all the same."""
    async with browsing(served, ADMIN, admin_password(served.data), client) as page:
        await page.open()
        tab = await page.execute(scripted(2, pause=0.5))
        await page.acknowledged(tab)
        while not tab.output:
            await page.listen()
        await page.drop()
        await wait_until(lambda: _final(page, tab.exec_id), "the script to end")
        async with asyncio.timeout(10):
            await page.ended(tab)
        await every_line_once(page, tab, 2)
        received_in_time(page, tab, tab.ended_at)
        assert tab.status == "Succeed"


async def test_a_second_page_that_declines(served: Served) -> None:
    """A socket with ``resume=false`` takes nothing away from the page of its user."""
    async with browsing(served, ADMIN, admin_password(served.data)) as page:
        await page.open()
        tab = await page.execute("for i in $(seq 20); do echo out $i; sleep 0.1; done")
        await page.acknowledged(tab)
        printed = await asyncio.to_thread(command, "run", "echo other", data=served.data)
        assert printed == "other"
        await page.ended(tab)
        assert tab.output == [f"out {number}" for number in range(1, 21)]


@SOCKETS
async def test_refused_reconnects_lead_to_http(served: Served, client: Client) -> None:
    """After two refusals the page polls, reads the log anew and sees the end (4.8, 4.9).

    linkis-web goes on by itself; the old Scriptis when it is loaded again. The next run of either
    is submitted over HTTP.
    """
    async with browsing(served, ADMIN, admin_password(served.data), client) as page:
        await page.open()
        tab = await page.execute(scripted(40, pause=0.05))
        await page.acknowledged(tab)
        while len(tab.output) < 3:
            await page.listen()
        ticket = dict(page.http.cookies)
        page.http.cookies.clear()
        await page.drop()
        await page.ended(tab)
        assert page.post_type == "http"
        page.http.cookies.update(ticket)
        if client is Client.SCRIPTIS:
            assert tab.run
            await page.restored(tab)
        else:
            await page.poll(tab)
        await every_line_once(page, tab, 40)
        received_in_time(page, tab, tab.ended_at)
        assert (tab.status, tab.progress) == ("Succeed", 1)
        again = await page.execute(scripted(1))
        await page.poll(again)
        await every_line_once(page, again, 1)
        assert again.status == "Succeed"


async def test_the_gateway_dies_in_mid_run(own: Served) -> None:
    """SIGKILL of the gateway: the page reconnects and goes on, and no line is lost."""
    async with browsing(own, ADMIN, admin_password(own.data)) as page:
        await page.open()
        tab = await page.execute("for i in $(seq 60); do echo out $i; sleep 0.1; done")
        await page.acknowledged(tab)
        while len(tab.output) < 5:
            await page.listen()
        for pid in own.parts("gateway.app"):
            os.kill(pid, signal.SIGKILL)
        await page.ended(tab)
        if page.post_type == "http":
            await page.restored(tab)
        assert sorted(set(tab.output), key=lambda line: int(line[4:])) == [
            f"out {number}" for number in range(1, 61)
        ]
        assert tab.status == "Succeed"


async def test_a_poller_lives_through_the_death_of_the_gateway(own: Served) -> None:
    """The editor of today keeps its state while requests fail and sees the rest and the end."""
    async with browsing(own, ADMIN, admin_password(own.data), Client.DSS) as page:
        tab = await page.execute(scripted(40, pause=0.05))
        await wait_until(lambda: printed(page, tab), "the first line")
        for pid in own.parts("gateway.app"):
            os.kill(pid, signal.SIGKILL)

        async def over() -> bool:
            try:
                await page.poll(tab)
            except httpx.TransportError:
                return False
            return True

        await wait_until(over, "the gateway to be back and the task to end", timeout=60)
        await every_line_once(page, tab, 40)
        received_in_time(page, tab, tab.ended_at)
        assert tab.status == "Succeed"


@pytest.mark.parametrize(
    "client",
    [
        Client.SCRIPTIS,
        # It has the same websocket: with the long tests it is run all the same.
        pytest.param(Client.CONSOLE, marks=pytest.mark.storm),
        Client.DSS,
    ],
)
async def test_a_restart_in_mid_run(tmp_path: Path, client: Client) -> None:
    """After a restart of everything history, log, results and pushes go on (5.6, 4.8)."""
    data = tmp_path / "data"
    table = "python3 -c \"import narthex; narthex.table([(%d, 'x')], ['n', 's'])\""
    code = f"{table % 1}; echo out 1; while ! test -e {tmp_path}/go; do sleep 0.05; done; "
    code += f"{table % 2}; {scripted(3).replace('seq 3', 'seq 2 3')}"
    with serving(data) as first:
        port = first.url.rpartition(":")[2]
        async with browsing(first, ADMIN, admin_password(first.data), client) as page:
            if client is not Client.DSS:
                await page.open()
            tab = await page.execute(code)
            if client is Client.DSS:
                await wait_until(lambda: printed(page, tab), "the first line")
            else:
                await page.acknowledged(tab)
                while not tab.output:
                    await page.listen()
            before = (await page.data("GET", f"jobhistory/{tab.task_id}/get"))["task"]
            first.process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(first.process.wait, 30) == 0
            with serving(data, "--port", port) as second:
                assert second.url == first.url
                (tmp_path / "go").touch()
                await page.followed(tab)
                assert page.closes == ([] if client is Client.DSS else [1012])
                await every_line_once(page, tab, 3)
                received_in_time(page, tab, tab.ended_at)
                assert await page.rows(tab) == [[["1", "x"]], [["2", "x"]]]
                after = (await page.data("GET", f"jobhistory/{tab.task_id}/get"))["task"]
                assert (before["status"], after["status"]) == ("Running", "Succeed")
                for name in ("execId", "strongerExecId", "createdTime", "executionCode", "labels"):
                    assert after[name] == before[name]


async def _final(page: Browser, exec_id: str) -> bool:
    status = await page.data("GET", f"entrance/{exec_id}/status")
    return bool(status["status"] == "Succeed")
