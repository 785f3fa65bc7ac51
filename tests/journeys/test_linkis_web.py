"""The web clients' conversations, replayed: run, fail, kill, drop, refusals, fall-back to HTTP.

Each replay asserts the same: every line of the log once, and the final status within two seconds
of the script's end, or of the page's return, on the websocket, and at the first poll over HTTP.
"""

import asyncio
import os
import signal
import time
from pathlib import Path

import httpx
import pytest

from tests.journeys.linkis_web import FINAL, Browser, Client, Tab, browsing
from tests.support.served import Served, command, serving
from tests.support.waiting import wait_until

ADMIN = "admin"
SOON = 2.0
"""Seconds. The clients poll every five: their first poll after an end is no sooner than this."""
SOCKETS = pytest.mark.parametrize("client", [Client.SCRIPTIS, Client.CONSOLE])
EVERY = pytest.mark.parametrize("client", list(Client))


def password(served: Served) -> str:
    """The administrator's first password."""
    return (served.data / "secret" / "admin.password").read_text().strip()


def scripted(count: int, *, pause: float = 0.0, last: str = "true") -> str:
    """A script that prints so many lines, among them blank ones, and at last when it ends."""
    body = f"echo out $i; echo; sleep {pause}" if pause else "echo out $i; echo"
    return f"for i in $(seq {count}); do {body}; done; echo ended $(date +%s%3N); {last}"


async def every_line_once(page: Browser, tab: Tab, count: int) -> None:
    """What the page shows is the log, from its first line to its last, each line once."""
    assert tab.output == [f"out {number}" for number in range(1, count + 1)]
    assert [line for line in tab.shown if line.strip()] == await page.whole_log(tab)
    assert "execute with status" in tab.shown[-1]
    assert not tab.after_end
    assert not tab.toast


def received_in_time(page: Browser, tab: Tab, ended_at: float) -> None:
    """The final status came soon on the websocket, and at the first poll over HTTP."""
    if page.post_type == "socket":
        assert tab.final_at - max(ended_at, page.opened_at) < SOON
    else:
        assert [word for began, word in tab.polls if began > ended_at + SOON][:1] in (
            [],
            [tab.status],
        )
        assert tab.polls[-1][1] == tab.status
        assert [word for _, word in tab.polls if word in FINAL] == [tab.status]


async def test_the_start_of_the_old_scriptis(served: Served) -> None:
    """Every call from the login to the rows, in the page's order, has what the page reads (8a)."""
    async with browsing(served, ADMIN, password(served)) as page:
        base = await page.data("GET", "application/getBaseInfo")
        assert base["userInfo"]["basic"]["userName"] == ADMIN
        assert isinstance(base["userInfo"]["role"], list)
        roots = {}
        for kind, name in (("file", "userLocalRootPath"), ("hdfs", "userHDFSRootPath")):
            query = {"pathType": kind}
            roots[kind] = (await page.data("GET", "filesystem/getUserRootPath", params=query))[name]
        script = f"{roots['file']}/start.sql"
        saved = {
            "path": script,
            "scriptContent": "select 1",
            "params": {"variable": {"a": "1"}, "configuration": {}},
        }
        await page.data("POST", "filesystem/saveScript", json=saved)
        query = {"path": roots["file"]}
        tree = (await page.data("GET", "filesystem/getDirFileTrees", params=query))["dirFileTrees"]
        assert script in [leaf["path"] for leaf in tree["children"]]
        assert isinstance((await page.data("GET", "datasource/all"))["dbs"], list)
        functions = await page.data("POST", "udf/all", json={})
        assert functions["udfTree"]["udfInfos"] == []
        variables = await page.data("GET", "variable/listGlobalVariable")
        assert variables["globalVariables"] == []
        wanted = {"pageSize": 100, "status": "Running,Inited,Scheduled"}
        assert isinstance((await page.data("GET", "jobhistory/list", params=wanted))["tasks"], list)
        opened = await page.data("GET", "filesystem/openFile", params={"path": script})
        assert opened["fileContent"] == [["select 1"]]
        assert opened["params"] == {"variable": {"a": "1"}, "configuration": {}}
        await page.open()
        table = "python3 -c \"import narthex; narthex.table([(1, None)], ['n', 's'])\""
        tab = await page.execute(f"{table}; {scripted(2)}")
        await page.acknowledged(tab)
        await page.ended(tab)
        await every_line_once(page, tab, 2)
        assert await page.rows(tab) == [[["1", "NULL"]]]
        assert (await page.data("GET", "user/userInfo"))["userName"] == ADMIN
        assert (await page.call("GET", "user/heartbeat"))["status"] == 0
        await page.data("POST", "filesystem/deleteDirOrFile", json={"path": script})
        logout = await page.call("GET", "user/logout")
        assert (logout["status"], logout["data"]) == (0, {})


async def test_the_start_of_the_console(served: Served) -> None:
    """The web console's calls, recorded in their order (8a')."""
    async with httpx.AsyncClient(base_url=served.url, headers={"Origin": served.url}) as http:
        page = Browser(served, http, Client.CONSOLE)
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


async def test_the_history_of_the_console(served: Served) -> None:
    """Its history page reads rows, log and times of what it lists, and stops what runs (8a')."""
    async with browsing(served, ADMIN, password(served), Client.CONSOLE) as page:
        page.post_type = "http"
        done = await page.execute(scripted(3))
        await page.poll(done)
        running = await page.execute("sleep 1000")
        query = {"pageNow": 1, "pageSize": 50, "isAdminView": "false", "taskID": done.task_id}
        (row,) = (await page.data("GET", "jobhistory/list", params=query))["tasks"]
        assert row["strongerExecId"] == done.exec_id
        path = f"entrance/{row['strongerExecId']}/log"
        log = await page.data("GET", path, params={"fromLine": 1, "size": 10_000})
        assert log["log"][3].splitlines() == done.shown[1:]
        extra = await page.data("GET", "jobhistory/job-extra-info", params={"jobId": done.task_id})
        assert type(extra["metricsMap"]["runCostTime"]) is int
        diagnosis = await page.call(
            "GET", "jobhistory/diagnosis-query", params={"taskID": done.task_id}
        )
        assert (diagnosis["status"], "diagnosed" in diagnosis["message"]) == (1, True)
        both = {
            "idList": [done.exec_id, running.exec_id],
            "taskIDList": [done.task_id, running.task_id],
        }
        killed = await page.data("POST", f"entrance/{done.exec_id}/killJobs", json=both)
        assert [one["status"] for one in killed["messages"]] == [1, 0]
        await page.poll(running)
        assert running.status == "Cancelled"


@SOCKETS
async def test_run(served: Served, client: Client) -> None:
    """Acknowledged, pushed, ended: every line once, and nothing after the final status."""
    async with browsing(served, ADMIN, password(served), client) as page:
        await page.open()
        tab = await page.execute(scripted(50))
        await page.acknowledged(tab)
        await page.ended(tab)
        await every_line_once(page, tab, 50)
        received_in_time(page, tab, tab.ended_at)
        assert (tab.status, tab.progress) == ("Succeed", 1)
        assert tab.statuses[0] in {"Inited", "Scheduled"}
        assert len(set(tab.statuses)) == len(tab.statuses)
        row = page.history[-1]
        assert row["status"] == "Succeed"
        assert type(row["costTime"]) is int
        assert "out $i" in row["executionCode"]


@SOCKETS
async def test_fail(served: Served, client: Client) -> None:
    """A script that fails ends as Failed, with a number and a sentence in the history."""
    async with browsing(served, ADMIN, password(served), client) as page:
        await page.open()
        tab = await page.execute(scripted(5, last="exit 3"))
        await page.acknowledged(tab)
        await page.ended(tab)
        await every_line_once(page, tab, 5)
        received_in_time(page, tab, tab.ended_at)
        assert_failed(page, tab)


@SOCKETS
async def test_kill(served: Served, client: Client) -> None:
    """The stop button ends in Cancelled soon, by push; a second one finds it so."""
    async with browsing(served, ADMIN, password(served), client) as page:
        await page.open()
        tab = await page.execute("echo out 1; sleep 1000")
        await page.acknowledged(tab)
        while not tab.output:
            await page.listen()
        began = time.time()
        assert (await page.kill(tab))["status"] == 0
        await page.ended(tab)
        received_in_time(page, tab, began)
        await every_line_once(page, tab, 1)
        assert tab.status == "Cancelled"
        assert (await page.kill(tab))["status"] == 0


@EVERY
async def test_run_fail_and_kill_over_http(served: Served, client: Client) -> None:
    """A page that only polls sees the same: every line once, and each end at its first poll."""
    async with browsing(served, ADMIN, password(served), client) as page:
        page.post_type = "http"
        run = await page.execute(scripted(20, pause=0.02))
        await page.poll(run)
        await every_line_once(page, run, 20)
        received_in_time(page, run, run.ended_at)
        assert (run.status, run.progress) == ("Succeed", 1)

        fail = await page.execute(scripted(5, last="exit 3"))
        await page.poll(fail)
        await every_line_once(page, fail, 5)
        received_in_time(page, fail, fail.ended_at)
        assert_failed(page, fail)

        kill = await page.execute("echo out 1; sleep 1000")
        await wait_until(lambda: printed(page, kill), "the first line")
        began = time.time()
        assert (await page.kill(kill))["status"] == 0
        await page.poll(kill)
        received_in_time(page, kill, began)
        await every_line_once(page, kill, 1)
        assert kill.status == "Cancelled"


def assert_failed(page: Browser, tab: Tab) -> None:
    """The page shows why."""
    assert tab.status == "Failed"
    row = page.history[-1]
    assert type(row["errCode"]) is int
    assert row["errDesc"]
    assert any(" ERROR " in line for line in tab.shown)


async def printed(page: Browser, tab: Tab) -> bool:
    """Whether the script has printed something, by another way than the page's own."""
    log = await page.data("GET", f"entrance/{tab.task_id}/log", params={"size": 100})
    return " INFO out " in log["log"][3]


async def test_kill_of_what_has_ended(served: Served) -> None:
    """It is refused, so that linkis-web does not wait for Cancelled for ever."""
    async with browsing(served, ADMIN, password(served), Client.CONSOLE) as page:
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
        unknown = await page.execute("show x", executeApplicationName="presto", runType="psql")
        await page.acknowledged(unknown)
        empty = await page.execute("#@set a=b\n", runType="shell")
        await page.acknowledged(empty)
        await page.ended(unknown, empty, other)
        assert (unknown.status, empty.status, other.status) == ("Failed", "Failed", "Succeed")
        assert any(" ERROR unknown engine 'presto'" in line for line in unknown.shown), (
            unknown.shown
        )
        assert not unknown.toast
        row = (await page.data("GET", f"jobhistory/{empty.task_id}/get"))["task"]
        assert (row["errCode"], "20015" in row["errDesc"]) == (20015, True)
        row = (await page.data("GET", f"jobhistory/{unknown.task_id}/get"))["task"]
        assert (row["errCode"], row["executionCode"]) == (92011, "show x")


@SOCKETS
async def test_a_drop_in_mid_run(served: Served, client: Client) -> None:
    """The page comes back and is told the rest unasked: every line once, and the end (4.8)."""
    async with browsing(served, ADMIN, password(served), client) as page:
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
    async with browsing(served, ADMIN, password(served), client) as page:
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
    async with browsing(served, ADMIN, password(served)) as page:
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
    async with browsing(served, ADMIN, password(served), client) as page:
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
            await page.restored(tab)
        assert sorted(set(tab.output), key=lambda line: int(line[4:])) == [
            f"out {number}" for number in range(1, 61)
        ]
        assert tab.status == "Succeed"


async def test_a_poller_lives_through_the_death_of_the_gateway(own: Served) -> None:
    """The editor of today keeps its state while requests fail and sees the rest and the end."""
    async with browsing(own, ADMIN, password(own), Client.DSS) as page:
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
        async with browsing(first, ADMIN, password(first), client) as page:
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
