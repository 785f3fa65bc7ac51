"""Journeys in a real editor, in a real browser: the package of the extension, installed in VS Code.

They fetch the editor, so that they run by name only: ``pytest -m editor tests/gateway/editors``.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

from tests.gateway.editors.vscode.workbench import Workbench
from tests.support.browser import browsing
from tests.support.code_server import CodeServer, fetched_code_server
from tests.support.gateway import Gateway, serving_gateway
from tests.support.ports import free_port
from tests.support.served import serving
from tests.support.vscode_extension import packaged
from tests.support.waiting import wait_until_sync

pytestmark = [pytest.mark.editor, pytest.mark.timeout(600)]

SLOW = "for i in $(seq 900); do echo line $i; sleep 0.05; done; echo over\n"
STUBBORN = "trap '' TERM; echo ready; while :; do sleep 0.1; done\n"
TABLE = (
    "import narthex\n"
    "with narthex.Table(['n', 'word']) as t:\n"
    "    for i in range(250): t.add((i, f'<b>w{i % 7}</b>'))\n"
)
USER_SETTINGS = {
    "chat.disableAIFeatures": True,
    "telemetry.telemetryLevel": "off",
    "workbench.colorTheme": "Default Light Modern",
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "workbench.startupEditor": "none",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what the editor, its user and the gateway have."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def own(home: Path) -> Iterator[Gateway]:
    """A gateway that may be killed."""
    with serving_gateway(home / "data") as found:
        yield found


@pytest.fixture(scope="module")
def code_server(pytestconfig: pytest.Config) -> CodeServer:
    """The editor's program."""
    return fetched_code_server(pytestconfig)


@pytest.fixture(scope="module")
def workbench(
    home: Path, own: Gateway, code_server: CodeServer, pytestconfig: pytest.Config
) -> Iterator[Workbench]:
    """A window in which ann is logged in, with files to be run."""
    user, folder = home / "user", home / "work"
    folder.mkdir()
    for name, code in (("slow.sh", SLOW), ("stubborn.sh", STUBBORN), ("table.py", TABLE)):
        (folder / name).write_text(code)
    package = packaged(pytestconfig, home / "build")
    code_server.install(user, package)
    for place, settings in (("User", USER_SETTINGS), ("Machine", {"narthex.address": own.url})):
        (user / place).mkdir(exist_ok=True)
        (user / place / "settings.json").write_text(json.dumps(settings))
    with code_server.serving(user, free_port()) as editor, browsing(home / "profile") as page:
        found = Workbench(page, editor, str(folder))
        found.open()
        found.login(own.token(seconds=3600))
        yield found


def lines(workbench: Workbench, task: int) -> list[str]:
    """The lines of a task that its channel holds, without what the extension says itself."""
    text = workbench.editor.channel(f"Narthex {task}")
    return [each for each in text.split("\n") if each and not each.startswith("[")]


def test_a_script_is_run_while_everything_goes_away(workbench: Workbench, own: Gateway) -> None:
    """The window is loaded anew in mid-run, and the gateway is killed: each line is shown once."""
    workbench.file("slow.sh")
    workbench.command("Narthex: Run File")
    wait_until_sync(lambda: len(lines(workbench, 1)) > 50, "the first lines")
    workbench.one(".output-view .view-lines", "line 5")

    before = workbench.editor.windows()
    workbench.open()
    wait_until_sync(lambda: workbench.editor.windows() > before, "another window")
    wait_until_sync(lambda: len(lines(workbench, 1)) > 150, "the lines in the new window")

    port = own.url.rpartition(":")[2]
    own.served.process.kill()
    own.served.process.wait()
    workbench.standing("debug-disconnect")
    held = len(lines(workbench, 1))
    with serving(own.data, "--port", port) as again:
        assert again.url == own.url
        wait_until_sync(lambda: len(lines(workbench, 1)) > held, "lines after the gateway is back")
        wait_until_sync(lambda: "over" in lines(workbench, 1), "the last line", 90)
        assert lines(workbench, 1) == [*(f"line {i}" for i in range(1, 901)), "over"]
        wait_until_sync(
            lambda: "[succeeded]\n" in workbench.editor.channel("Narthex 1"), "the end of the task"
        )
        workbench.standing("check")
        killed_with_a_report(workbench)
        shown_as_a_table(workbench)
        loaded_anew(workbench)


def killed_with_a_report(workbench: Workbench) -> None:
    """The report of a kill stands below the output."""
    workbench.file("stubborn.sh")
    workbench.command("Narthex: Run File")
    wait_until_sync(lambda: lines(workbench, 2) == ["ready"], "the script to be ready")
    workbench.command("Narthex: Kill Task")
    wait_until_sync(
        lambda: "proved that nothing is left" in workbench.editor.channel("Narthex 2"), "the report"
    )
    report = workbench.editor.channel("Narthex 2")
    assert "[killed]\n" in report
    assert "[SIGKILL to " in report


def shown_as_a_table(workbench: Workbench) -> None:
    """A result is a table that is paged and sorted, and no text of it becomes markup."""
    workbench.file("table.py")
    workbench.command("Narthex: Choose Session")
    workbench.answer("Session", "none", wanted="none")
    workbench.command("Narthex: Run File")
    wait_until_sync(
        lambda: "[succeeded]\n" in workbench.editor.channel("Narthex 3"), "the table to be there"
    )
    workbench.command("Narthex: Show Results")
    workbench.answer("Task", "3 table", wanted="3 table.py")
    workbench.frame()
    assert workbench.one("#note").text == "200 loaded · 250 rows"
    assert workbench.one("tbody td:nth-child(2)").text == "<b>w0</b>"
    workbench.one("#more").click()
    workbench.until(lambda: workbench.one("#note").text == "250 rows", "the other rows")
    workbench.one("th button", "n").click()
    workbench.one("th button", "n ▲").click()
    workbench.one("th button", "n ▼")
    assert workbench.one("tbody td").text == "249"
    assert workbench.page.find_elements(By.CSS_SELECTOR, "tbody b") == []
    workbench.page.switch_to.default_content()


def loaded_anew(workbench: Workbench) -> None:
    """The panel with the table comes back with its window."""
    workbench.stored("narthex:///tasks/3/")
    workbench.open()
    workbench.tab("Result 3.1")
    workbench.frame()
    workbench.until(lambda: workbench.one("#note").text == "200 loaded · 250 rows", "the table")
    workbench.page.switch_to.default_content()


def test_the_package_holds_what_it_needs(pytestconfig: pytest.Config, tmp_path: Path) -> None:
    """Modules, media, license and texts are packed, and nothing of what they are built from."""
    package = packaged(pytestconfig, tmp_path)
    listed = zipfile.ZipFile(package).namelist()
    for name in ("out/extension.js", "out/narthex.js", "media/result.css", "LICENSE.txt"):
        assert f"extension/{name}" in listed, name
    for name in ("src/", "node_modules", ".npmrc", "package-lock"):
        assert not any(name in each for each in listed), name
