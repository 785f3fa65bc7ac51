"""The web clients' conversations, replayed: run, fail, kill, drop, refusals, fall-back to HTTP."""

import asyncio
import os
import signal
import time

import httpx
import pytest

from tests.journeys.linkis_web import Browser, browsing
from tests.support.served import Served, command
from tests.support.waiting import wait_until

ADMIN = "admin"


def password(served: Served) -> str:
    """The administrator's first password."""
    return (served.data / "secret" / "admin.password").read_text().strip()


async def test_the_start_of_the_old_scriptis(served: Served) -> None:
    """Every call that the page makes before a script is open has what the page reads (8a)."""
    async with browsing(served, ADMIN, password(served)) as page:
        base = await page.data("GET", "application/getBaseInfo")
        assert base["userInfo"]["basic"]["userName"] == ADMIN
        assert isinstance((await page.data("GET", "datasource/all"))["dbs"], list)
        functions = await page.data("POST", "udf/all", json={})
        assert functions["udfTree"]["udfInfos"] == []
        variables = await page.data("GET", "variable/listGlobalVariable")
        assert variables["globalVariables"] == []
        query = {"pageSize": 100, "status": "Running,Inited,Scheduled"}
        assert isinstance((await page.data("GET", "jobhistory/list", params=query))["tasks"], list)
        assert (await page.data("GET", "user/userInfo"))["userName"] == ADMIN
        assert (await page.call("GET", "user/heartbeat"))["status"] == 0


async def test_the_start_of_the_console(served: Served) -> None:
    """The web console's calls, recorded in their order (8a')."""
    async with httpx.AsyncClient(base_url=served.url, headers={"Origin": served.url}) as http:
        page = Browser(served, http, console=True)
        key = await page.data("GET", "user/publicKey")
        assert key["enableLoginEncrypt"] is False
        assert (await page.call("GET", "user/oauth-redirect"))["status"] == 1
        logged_in = await page.login(ADMIN, password(served))
        assert type(logged_in["sessionTimeOut"]) is int
        admin = await page.data("GET", "jobhistory/governanceStationAdmin")
        assert admin["admin"] is True
        query = {"pageNow": 1, "pageSize": 50, "isAdminView": "false", "creator": ""}
        listed = await page.data("GET", "jobhistory/list", params=query)
        assert isinstance(listed["tasks"], list)
        assert type(listed["totalPage"]) is int
        assert "resultSetExportEnable" in await page.data("GET", "user/baseinfo")
        engines = await page.data("GET", "configuration/engineType")
        assert "shell" in engines["engineType"]
        undone = {"pageSize": 100, "status": "Running,Inited,Scheduled"}
        tasks = await page.data("GET", "jobhistory/listundonetasks", params=undone)
        assert isinstance(tasks["tasks"], list)
        assert (await page.call("GET", "user/heartbeat"))["status"] == 0
        assert (await page.call("GET", "user/logout"))["status"] == 0
        again = await http.get("/api/rest_j/v1/user/userInfo")
        assert (again.status_code, again.json()["status"]) == (401, -1)


async def test_run(served: Served) -> None:
    """Acknowledged, pushed, ended: every line once, and nothing after the final status."""
    async with browsing(served, ADMIN, password(served)) as page:
        await page.open()
        tab = await page.execute("for i in $(seq 50); do echo out $i; done")
        await page.acknowledged(tab)
        await page.ended(tab)
        assert tab.output == [f"out {number}" for number in range(1, 51)]
        assert (tab.status, tab.progress) == ("Succeed", 1)
        row = page.history[-1]
        assert row["status"] == "Succeed"
        assert type(row["costTime"]) is int
        assert "out $i" in row["executionCode"]
        assert not tab.after_end
        assert not tab.toast


async def test_fail(served: Served) -> None:
    """A script that fails ends as Failed, with a number and a sentence in the history."""
    async with browsing(served, ADMIN, password(served)) as page:
        await page.open()
        tab = await page.execute("echo out 1; exit 3")
        await page.acknowledged(tab)
        await page.ended(tab)
        assert tab.status == "Failed"
        row = page.history[-1]
        assert type(row["errCode"]) is int
        assert row["errDesc"]
        assert any(" ERROR " in line for line in tab.shown)


async def test_kill(served: Served) -> None:
    """The stop button ends in Cancelled soon, by push; a second one finds it so."""
    async with browsing(served, ADMIN, password(served)) as page:
        await page.open()
        tab = await page.execute("echo out 1; sleep 1000")
        await page.acknowledged(tab)
        while not tab.output:
            await page.listen()
        began = time.monotonic()
        assert (await page.kill(tab))["status"] == 0
        await page.ended(tab)
        assert tab.status == "Cancelled"
        assert time.monotonic() - began < 5
        assert (await page.kill(tab))["status"] == 0


async def test_kill_of_what_has_ended(served: Served) -> None:
    """It is refused, so that linkis-web does not wait for Cancelled for ever."""
    async with browsing(served, ADMIN, password(served), console=True) as page:
        await page.open()
        tab = await page.execute("true")
        await page.acknowledged(tab)
        await page.ended(tab)
        late = await page.kill(tab)
        assert (late["status"], "already finished" in late["message"]) == (1, True)


async def test_refusals_hurt_one_tab(served: Served) -> None:
    """A refused submit is a task that failed in its own tab; the others go on (4.3)."""
    async with browsing(served, ADMIN, password(served)) as page:
        await page.open()
        other = await page.execute("sleep 1; echo out 1")
        await page.acknowledged(other)
        unknown = await page.execute("show x", executeApplicationName="hive", runType="hql")
        await page.acknowledged(unknown)
        empty = await page.execute("#@set a=b\n", runType="shell")
        await page.acknowledged(empty)
        await page.ended(unknown, empty, other)
        assert (unknown.status, empty.status, other.status) == ("Failed", "Failed", "Succeed")
        assert any(" ERROR there is no engine 'hive'" in line for line in unknown.shown)
        assert not unknown.toast
        row = (await page.data("GET", f"jobhistory/{empty.task_id}/get"))["task"]
        assert (row["errCode"], "20015" in row["errDesc"]) == (20015, True)
        row = (await page.data("GET", f"jobhistory/{unknown.task_id}/get"))["task"]
        assert (row["errCode"], row["executionCode"]) == (92011, "show x")


async def test_a_drop_in_mid_run(served: Served) -> None:
    """The page comes back and is told the rest unasked: every line once, and the end (4.8)."""
    async with browsing(served, ADMIN, password(served)) as page:
        await page.open()
        tab = await page.execute("for i in $(seq 40); do echo out $i; sleep 0.1; done")
        await page.acknowledged(tab)
        while len(tab.output) < 5:
            await page.listen()
        await page.drop()
        await page.ended(tab)
        assert tab.output == [f"out {number}" for number in range(1, 41)]
        assert tab.status == "Succeed"


async def test_the_end_comes_while_nobody_listens(served: Served) -> None:
    """What ended between drop and reconnect is told to its end all the same."""
    async with browsing(served, ADMIN, password(served)) as page:
        await page.open()
        tab = await page.execute("echo out 1; sleep 0.5; echo out 2")
        await page.acknowledged(tab)
        while not tab.output:
            await page.listen()
        await page.drop()
        await wait_until(lambda: _final(page, tab.exec_id), "the script to end")
        async with asyncio.timeout(10):
            await page.ended(tab)
        assert tab.output == ["out 1", "out 2"]
        assert tab.status == "Succeed"


async def test_a_second_page_that_declines(served: Served) -> None:
    """A socket with ``resume=false`` takes nothing away from the page of its user."""
    async with browsing(served, ADMIN, password(served)) as page:
        await page.open()
        tab = await page.execute("for i in $(seq 20); do echo out $i; sleep 0.1; done")
        await page.acknowledged(tab)
        printed = await asyncio.to_thread(command, "run", "echo other", data=served.data)
        assert printed == "other"
        await page.ended(tab)
        assert tab.output == [f"out {number}" for number in range(1, 21)]


async def test_refused_reconnects_lead_to_http(own: Served) -> None:
    """After two refusals the page polls, reads the log anew and sees the end (4.8, 4.9)."""
    async with browsing(own, ADMIN, password(own), console=True) as page:
        await page.open()
        tab = await page.execute("for i in $(seq 60); do echo out $i; sleep 0.1; done")
        await page.acknowledged(tab)
        while len(tab.output) < 3:
            await page.listen()
        ticket = dict(page.http.cookies)
        page.http.cookies.clear()
        await page.drop()
        await page.ended(tab)
        assert page.post_type == "http"
        page.http.cookies.update(ticket)
        await page.poll(tab)
        assert tab.output == [f"out {number}" for number in range(1, 61)]
        assert (tab.status, tab.progress) == ("Succeed", 1)
        again = await page.execute("echo out 1")
        await page.poll(again)
        assert (again.output, again.status) == (["out 1"], "Succeed")


async def test_the_gateway_dies_in_mid_run(own: Served) -> None:
    """SIGKILL of the gateway: the page reconnects and goes on, every line once."""
    async with browsing(own, ADMIN, password(own)) as page:
        await page.open()
        tab = await page.execute("for i in $(seq 60); do echo out $i; sleep 0.1; done")
        await page.acknowledged(tab)
        while len(tab.output) < 5:
            await page.listen()
        for pid in own.parts("gateway.app"):
            os.kill(pid, signal.SIGKILL)
        await page.ended(tab)
        if page.post_type == "http":
            await page.poll(tab)
        assert sorted(set(tab.output), key=lambda line: int(line[4:])) == [
            f"out {number}" for number in range(1, 61)
        ]
        assert tab.status == "Succeed"


async def test_a_revoked_cookie_opens_no_websocket(served: Served) -> None:
    """After a logout the upgrade is refused with 401 and never accepted and then closed."""
    async with browsing(served, ADMIN, password(served)) as page:
        kept = dict(page.http.cookies)
        await page.data("GET", "user/logout")
        page.http.cookies.update(kept)
        with pytest.raises(Exception, match="401"):
            await page.open()


async def test_page_reload(served: Served) -> None:
    """From the history's ``strongerExecId`` a reloaded page finds the running task (8a, 16)."""
    async with browsing(served, ADMIN, password(served)) as page:
        await page.open()
        tab = await page.execute("echo out 1; sleep 1000")
        await page.acknowledged(tab)
        row = (await page.data("GET", f"jobhistory/{tab.task_id}/get"))["task"]
        stored = row["strongerExecId"]
        assert stored == tab.exec_id
        assert (await page.data("GET", f"entrance/{stored}/status"))["taskID"] == tab.task_id
        assert "progressInfo" in await page.data("GET", f"entrance/{stored}/progress")
        killed = await page.data(
            "POST",
            f"entrance/{stored}/killJobs",
            json={"idList": [stored], "taskIDList": [tab.task_id]},
        )
        assert [one["status"] for one in killed["messages"]] == [0]
        await page.ended(tab)
        assert tab.status == "Cancelled"


async def _final(page: Browser, exec_id: str) -> bool:
    status = await page.data("GET", f"entrance/{exec_id}/status")
    return bool(status["status"] == "Succeed")
