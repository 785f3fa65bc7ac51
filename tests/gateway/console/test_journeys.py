"""Journeys of a person on the console, in a real Chromium, over a real gateway."""

from __future__ import annotations

import contextlib
import shlex
import sys
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from selenium.webdriver.common.keys import Keys

from tests.gateway.console.driver import Console
from tests.support.browser import dark, phone
from tests.support.cutting_proxy import CuttingProxy, cutting
from tests.support.gateway import Gateway, serving_gateway
from tests.support.served import admin_password

ROOT = "/api/rest_j/v1"


def submitted(gateway: Gateway, code: str, engine: str = "shell", **more: object) -> int:
    """A task of ann that was submitted elsewhere; its number."""
    body = {
        "executeApplicationName": engine,
        "runType": engine,
        "executionCode": code,
        "variables": False,
        "push": False,
        **more,
    }
    with gateway.client("ann") as client:
        return int(client.post(f"{ROOT}/entrance/execute", json=body).json()["data"]["taskID"])


def ended(gateway: Gateway, number: int) -> None:
    """Waits until a task is final and all of its log is there."""
    with gateway.client("ann") as client:
        for _ in range(30):
            query = "format=lines&fromLine=1000000000&wait=10"
            data = client.get(f"{ROOT}/entrance/{number}/log?{query}").json()["data"]
            if data["eof"]:
                return
    pytest.fail(f"task {number} goes on")


def has_connections(proxy: CuttingProxy, count: int) -> bool:
    """Whether so many connections were made by now."""
    return proxy.connections >= count


def test_a_deep_link_asks_for_a_login_and_goes_there(gateway: Gateway, console: Console) -> None:
    """A stranger is asked for a login, told if it was wrong, and then shown what they came for."""
    number = submitted(gateway, "echo there it is")
    console.forget_login()
    console.open(f"/?task={number}")
    console.login(password="no such password")  # noqa: S106 - a wrong one
    console.until(lambda: console.one("#login [role=alert]").text, "the refusal")
    console.login()
    console.reads("log-view .text", "there it is")
    assert console.one("#user").text == "ann"
    assert console.complaints() == []


def test_who_is_new_is_shown_the_way(tmp_path: Path, console: Console) -> None:
    """The login says who the first user is, an empty list where to begin, and what is not there."""
    with serving_gateway(tmp_path / "data") as fresh:
        page = Console(console.page, fresh.url)
        page.open("/")
        page.reads("#login", "which file holds its password")
        assert not page.all("#logout:not([hidden])")
        page.login()
        page.reads("task-list", "There are no tasks yet.")
        assert page.faults() == []
        page.click("task-list p a")
        page.one("#run-form")
        page.open("/?state=Failed")
        page.reads("task-list", "No task fits.")
        page.open("/?task=999")
        page.reads("#panel", "There is no task 999, or it is not yours.")
        assert [each.is_displayed() for each in page.all("#kill, .tabs")] == [False, False]


def test_code_is_run_and_followed_to_its_end(console: Console) -> None:
    """The lines come as they are said, the growing one too, and then how it ended."""
    console.enter("/?page=run")
    gate = "until [ -e go ]; do sleep 0.05; done"
    console.run(f"pwd; echo two >&2; printf grow; {gate}; echo n; exit 3")
    console.until(lambda: (3, "grow", True) in console.rows(), "the growing line")
    ((_, folder, _), *_) = console.rows()
    Path(folder, "go").touch()
    console.reads("#outcome", "exit code 3")
    console.reads("#state", "failed")
    assert [text for _, text, _ in console.rows()] == [folder, "two", "grown"]
    assert "err" in (console.all(".row[data-line='2']")[0].get_attribute("class") or "")
    console.tab("History")
    console.reads("#panel td", "started")
    console.tab("Code")
    console.reads("#panel pre", "printf grow")
    console.click("header.card a.button")
    code = console.one("#run-form textarea[name=code]")
    console.until(lambda: "printf grow" in str(code.get_attribute("value")), "the code again")
    code.clear()
    code.send_keys("echo ${word}")
    console.fill("textarea[name=variables]", "word=changed")
    console.click("#run-form button")
    console.reads("log-view .text", "changed")


def test_a_line_has_an_address(gateway: Gateway, console: Console) -> None:
    """A click on a number makes the address, which shows that line to whoever opens it."""
    number = submitted(gateway, "seq -f 'line %.0f' 100000")
    ended(gateway, number)
    console.enter(f"/?task={number}#L54321")
    console.reads(".row.current .text", "line 54321")
    assert not console.one("#follow").is_selected()
    console.all(".row[data-line='54323'] .no")[0].click()
    console.reads(".row.current .text", "line 54323")
    assert console.page.current_url.endswith(f"/?task={number}#L54323")
    console.one(".port").send_keys(Keys.END)
    console.reads(".row .text", "line 100000")
    assert console.one("#follow").is_selected()


def test_a_log_is_searched_in_both_directions(gateway: Gateway, console: Console) -> None:
    """The next match and the one before are shown and marked, wherever they are."""
    number = submitted(gateway, "seq 60000; echo Needle; seq 60000; echo needle; seq 10")
    ended(gateway, number)
    console.enter(f"/?task={number}#L10")
    field = "log-view input[type=search]"
    console.fill(field, "needle")
    for keys, line in (
        (Keys.ENTER, 60_001),
        (Keys.ENTER, 120_002),
        (Keys.SHIFT + Keys.ENTER, 60_001),
    ):
        console.one(field).send_keys(keys)
        console.one(f".row.current[data-line='{line}'] mark")
    console.one(field).send_keys(Keys.SHIFT, Keys.ENTER)
    console.reads(".found", "no more")
    console.choose("log-view select", "err")
    console.until(lambda: not console.all("log-view mark"), "stdout to be hidden")


def test_a_kill_is_drawn(gateway: Gateway, console: Console) -> None:
    """Who was signalled, what died when, and that nothing is left."""
    number = submitted(gateway, "trap : TERM; echo ready; while :; do sleep 300; done")
    console.enter(f"/?task={number}")
    console.reads("log-view .text", "ready")
    console.choose("select[aria-label=Grace]", "0")
    console.click("#kill")
    console.reads("#panel", "It is proved that nothing is left")
    console.reads("#state", "killed")
    assert console.all("#panel svg circle.death.s9")
    assert "SIGKILL" in console.one("#panel .steps").text


def test_results_are_tables_pictures_and_frames(gateway: Gateway, console: Console) -> None:
    """A table is sorted and paged; HTML of a task can do nothing to the page."""
    code = (
        "import narthex\n"
        "with narthex.Table(['n', 'word']) as t:\n"
        "    for i in range(250): t.add((i, f'<b>w{i % 7}</b>'))\n"
        "narthex.rich({'text/html': '<h1>made</h1><script>top.pwned = 1</script>"
        '<img src="http://127.0.0.1:1/x" onerror="top.pwned = 2">\'})\n'
    )
    number = submitted(
        gateway, code, "python", params={"configuration": {"special": {"session": "none"}}}
    )
    ended(gateway, number)
    console.enter(f"/?task={number}&tab=results")
    console.reads("result-view", "200 of 250 rows")
    console.click(".wide.result > button")
    console.reads("result-view", "250 of 250 rows")
    sort = console.one("button[aria-label='Sort by n']")
    sort.click()
    console.click("button[aria-label='Sort by n']")
    console.until(
        lambda: console.all("result-view tbody td")[0].text == "249", "the rows to be turned"
    )
    assert console.all("result-view tbody td")[1].text.startswith("<b>w")
    csv = console.one("result-view a[href*=csv]").get_attribute("href")
    assert httpx.get(str(csv), headers=gateway.headers()).text.startswith("n,word")
    console.page.switch_to.frame(console.one("iframe"))
    try:
        console.reads("h1", "made")
    finally:
        console.page.switch_to.default_content()
    assert console.one("iframe").get_attribute("sandbox") == ""
    assert console.page.execute_script("return window.pwned") is None


def test_filters_are_in_the_address(gateway: Gateway, console: Console) -> None:
    """What is chosen is in the address, and who opens that sees the same tasks."""
    held = submitted(gateway, "echo findme", hold=True)
    other = submitted(gateway, "echo other")
    ended(gateway, other)
    console.enter("/")
    console.one(f"#tasks tr[data-task='{other}']")
    console.reads(f"#tasks tr[data-task='{held}'] .badge", "held")
    console.fill("input[name=q]", "findme")
    console.until(lambda: not console.all(f"#tasks tr[data-task='{other}']"), "the other to go")
    console.one(f"#tasks tr[data-task='{held}']")
    assert console.page.current_url.endswith("/?q=findme")
    console.open("/?state=Succeed")
    console.one(f"#tasks tr[data-task='{other}']")
    assert not console.all(f"#tasks tr[data-task='{held}']")
    console.open(f"/?task={held}")
    console.click("header.card button.quiet")
    console.reads("log-view .text", "findme")


def test_no_line_is_lost_when_the_connection_breaks(gateway: Gateway, console: Console) -> None:
    """The socket is cut in mid-run, again and again: each line is shown once, in its place."""
    words = (
        "import pathlib, time\nprint(pathlib.Path.cwd(), flush=True)\n"
        "for i in range(2, 201):\n    print('line', i, flush=True)\n    time.sleep(0.01)\n"
        "while not pathlib.Path('go').exists(): time.sleep(0.05)\n"
        "for i in range(201, 401): print('line', i, flush=True)\n"
    )
    address = urlsplit(gateway.url)
    with cutting(str(address.hostname), int(address.port or 0)) as proxy:
        number = submitted(gateway, f"{shlex.quote(sys.executable)} -c {shlex.quote(words)}")
        broken = Console(console.page, f"http://{proxy.address}")
        broken.enter(f"/?task={number}")
        for _ in range(3):
            broken.until(broken.rows, "lines")
            wanted = proxy.connections + 1
            proxy.cut()
            broken.until(partial(has_connections, proxy, wanted), "another connection")
        broken.until(lambda: any(text == "line 200" for _, text, _ in broken.rows()), "line 200")
        proxy.cut()
        with gateway.client("ann") as client:
            path = f"{ROOT}/entrance/{number}/log?format=lines&size=1"
            page = client.get(path).json()["data"]
        Path(page["lines"][0]["text"], "go").touch()
        broken.reads("#outcome", "exit code 0")
        shown = list(broken.lines())
        assert proxy.cuts >= 3
    assert shown == [(1, page["lines"][0]["text"]), *((i, f"line {i}") for i in range(2, 401))]


def test_a_gateway_that_is_away_is_told(console: Console) -> None:
    """The page says since when, and goes on when it is back."""
    console.enter("/")
    console.one("#tasks")
    words = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    console.page.execute_cdp_cmd("Network.enable", {})
    try:
        console.page.execute_cdp_cmd("Network.emulateNetworkConditions", {"offline": True, **words})
        console.reads("#trouble", "No connection to the gateway since")
    finally:
        console.page.execute_cdp_cmd(
            "Network.emulateNetworkConditions", {"offline": False, **words}
        )
    console.until(lambda: not console.all("#trouble")[0].text, "the banner to go")


def test_who_only_follows_is_told_as_well(gateway: Gateway, console: Console) -> None:
    """On the page of a task that is quiet nothing is asked, and yet a gateway that went is told."""
    number = submitted(gateway, "echo ready; sleep 300")
    address = urlsplit(gateway.url)
    with cutting(str(address.hostname), int(address.port or 0)) as proxy:
        page = Console(console.page, f"http://{proxy.address}")
        page.enter(f"/?task={number}")
        page.reads("log-view .text", "ready")
        page.until(partial(has_connections, proxy, 2), "the websocket")
    page.reads("#trouble", "No connection to the gateway since")
    assert page.one(".row[data-line='1'] .text").text == "ready"
    with gateway.client("ann") as client:
        client.post(f"{ROOT}/entrance/{number}/kill", params={"grace": 0})


def test_an_expired_login_loses_nothing(console: Console) -> None:
    """It is asked for again over the page, and then what was typed is run."""
    console.enter("/?page=run")
    console.until(lambda: len(console.all("#run-form select[name=engine] option")) > 1, "engines")
    console.fill("textarea[name=code]", "echo still here")
    console.forget_login()
    console.one("textarea[name=code]").send_keys(Keys.CONTROL, Keys.ENTER)
    console.reads("#login", "nothing on this page is lost")
    assert console.one("textarea[name=code]").get_attribute("value") == "echo still here"
    console.fill("#login input[name=password]", "correct horse battery")
    console.click("#login button")
    console.reads("log-view .text", "still here")


def test_hostile_output_is_text(gateway: Gateway, console: Console) -> None:
    """Markup, control sequences and endless lines are shown, and do nothing."""
    bad = (
        "import sys\nw = sys.stdout.buffer.write\n"
        "w(b'<img src=x onerror=\"pwned = 1\"><script>pwned = 2</script>\\n')\n"
        "w(b'\\x1b[31mred\\x1b[0m \\x1b]0;title\\x07\\x1b[2J\\x1b[1;1Hplain\\x00\\x08\\n')\n"
        "w('\\u202ereversed\\u2028\\n'.encode())\n"
        "w(b''.join(b'\\r%d %%' % i for i in range(101)) + b'\\n')\n"
        "w(b'x' * 3000000 + b'\\n')\nw(b'\\xff\\xfe end\\n')\n"
    )
    number = submitted(gateway, f"{shlex.quote(sys.executable)} -c {shlex.quote(bad)}")
    ended(gateway, number)
    console.enter(f"/?task={number}")
    console.until(lambda: len(console.rows()) == 6, "all lines")
    texts = [text for _, text, _ in console.rows()]
    assert texts[0].startswith("<img src=x onerror=")
    assert texts[1] == "red plain"
    assert console.all(".row[data-line='2'] .fg1")[0].text == "red"
    assert texts[2] == "reversed\u2028"
    assert texts[3] == "100 %"
    assert texts[4] == "x" * 2000
    assert texts[5] == "\ufffd\ufffd end"
    console.click(".row[data-line='4'] button")
    console.reads("dialog pre", "99 %\n100 %")
    assert console.page.execute_script("return window.pwned") is None
    assert not console.all("log-view img, log-view script")
    assert console.complaints() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_for_everybody(gateway: Gateway, console: Console, scheme: str) -> None:
    """In light and dark axe finds nothing but minor faults, and on a phone nothing sticks out."""
    number = submitted(gateway, "echo \033[31mred\033[0m; echo bad >&2; sleep 300")
    killed = submitted(gateway, "sleep 300")
    with gateway.client("ann") as client:
        client.post(f"{ROOT}/entrance/{killed}/kill", params={"grace": 0})
    ended(gateway, killed)
    password = admin_password(gateway.data)
    console.enter("/", "admin", password)
    pages = {
        "/?all=1": "#tasks td",
        f"/?task={number}": "log-view .row",
        f"/?task={number}&tab=history": "#panel td",
        f"/?task={killed}&tab=kill": "#panel svg",
        "/?page=run": "#run-form",
        "/?page=sessions": "session-page p",
        "/?page=health": "health-page td",
        "/?page=account": "account-page td",
        "/?page=people": "people-page td",
    }
    dark(console.page, wanted=scheme == "dark")
    try:
        for path, sign in pages.items():
            console.open(path)
            console.one(sign)
            assert console.faults() == [], path
            colour = console.page.execute_script(
                "return getComputedStyle(document.body).backgroundColor"
            )
            assert (colour == "rgb(20, 23, 28)") == (scheme == "dark")
        phone(console.page)
        for path, sign in pages.items():
            console.open(path)
            console.one(sign)
            wide = console.page.execute_script("return document.documentElement.scrollWidth")
            assert wide <= 390, path
    finally:
        console.page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        dark(console.page, wanted=False)
        with gateway.client("ann") as client, contextlib.suppress(httpx.HTTPError):
            client.post(f"{ROOT}/entrance/{number}/kill", params={"grace": 0})


def test_light_and_dark_may_be_chosen(console: Console) -> None:
    """The choice counts before what the system prefers, and is kept."""
    console.enter("/")
    for expected in ("rgb(20, 23, 28)", "rgb(245, 246, 248)"):
        console.click("#theme")
        console.open("/")
        console.one("#tasks")
        found = console.page.execute_script(
            "return getComputedStyle(document.body).backgroundColor"
        )
        assert found == expected


def test_administrators_look_after_people(gateway: Gateway, console: Console) -> None:
    """A user is made, put into a group and removed; others do not see that page."""
    password = admin_password(gateway.data)
    console.enter("/?page=people", "admin", password)
    first, second, *_ = console.until(lambda: console.all("people-page .card input"), "the form")
    first.send_keys("eve")
    second.send_keys("a long password")
    console.click("people-page .card button")
    console.click("button[aria-label='Remove eve']")
    console.click("dialog .danger")
    console.until(lambda: not console.all("button[aria-label='Remove eve']"), "eve to be gone")
    console.enter("/?page=account")
    assert "People" not in console.one("nav").text
    console.click("account-page .card button")
    token = console.one("pre.token").text
    reply = httpx.get(
        f"{gateway.url}{ROOT}/user/userInfo", headers={"Authorization": f"Bearer {token}"}
    )
    assert reply.json()["data"]["userName"] == "ann"


def test_a_session_is_seen_and_ended(gateway: Gateway, console: Console) -> None:
    """A warm session of one's own is listed with what it did, and ends at a click."""
    ended(gateway, submitted(gateway, "x = 1", "python"))
    console.enter("/?page=sessions")
    console.reads("session-page td", "python")
    console.click("session-page button.danger")
    console.until(lambda: not console.all("session-page td"), "the session to be gone")
