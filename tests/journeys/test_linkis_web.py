"""The web clients' conversations, replayed: starts, run, fail, kill, refusals, reload.

Each replay asserts the same: every line of the log once, and the final status within two seconds
of the script's end on the websocket, and at the first poll over HTTP.
"""

import time

import httpx
import pytest

from tests.journeys.linkis_web import Browser, Client, Tab, browsing
from tests.journeys.linkis_web_runs import (
    ADMIN,
    SOCKETS,
    every_line_once,
    printed,
    received_in_time,
    scripted,
)
from tests.support.served import Served, admin_password
from tests.support.waiting import wait_until

EVERY = pytest.mark.parametrize("client", list(Client))


async def test_the_start_of_the_old_scriptis(served: Served) -> None:
    """Every call from the login to the rows, in the page's order, has what the page reads (8a)."""
    async with browsing(served, ADMIN, admin_password(served.data)) as page:
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
        logged_in = await page.login(ADMIN, admin_password(served.data))
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
    async with browsing(served, ADMIN, admin_password(served.data), Client.CONSOLE) as page:
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
    async with browsing(served, ADMIN, admin_password(served.data), client) as page:
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
    async with browsing(served, ADMIN, admin_password(served.data), client) as page:
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
    async with browsing(served, ADMIN, admin_password(served.data), client) as page:
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
    async with browsing(served, ADMIN, admin_password(served.data), client) as page:
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


async def test_kill_of_what_has_ended(served: Served) -> None:
    """It is refused, so that linkis-web does not wait for Cancelled for ever."""
    async with browsing(served, ADMIN, admin_password(served.data), Client.CONSOLE) as page:
        await page.open()
        tab = await page.execute("true")
        await page.acknowledged(tab)
        await page.ended(tab)
        late = await page.kill(tab)
        assert (late["status"], "already finished" in late["message"]) == (1, True)


async def test_refusals_hurt_one_tab(served: Served) -> None:
    """A refused submit is a task that failed in its own tab; the others go on (4.3)."""
    async with browsing(served, ADMIN, admin_password(served.data)) as page:
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


async def test_a_revoked_cookie_opens_no_websocket(served: Served) -> None:
    """After a logout the upgrade is refused with 401 and never accepted and then closed."""
    async with browsing(served, ADMIN, admin_password(served.data)) as page:
        kept = dict(page.http.cookies)
        await page.data("GET", "user/logout")
        page.http.cookies.update(kept)
        with pytest.raises(Exception, match="401"):
            await page.open()


async def test_page_reload(served: Served) -> None:
    """From the history's ``strongerExecId`` a reloaded page finds the running task (8a, 16)."""
    async with browsing(served, ADMIN, admin_password(served.data)) as page:
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
