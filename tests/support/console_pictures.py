"""Takes the pictures of the console for its page, in a real browser over gateways of its own.

``python -m tests.support.console_pictures [FOLDER]`` takes them anew; npm is needed for the one of
the bundled code editor.
"""

from __future__ import annotations

import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from selenium.webdriver.common.by import By

from gateway.client import Client
from tests.gateway.console.driver import Console
from tests.gateway.console.test_code_editor import wheel
from tests.support.browser import browsing, dark, phone
from tests.support.gateway import Gateway, serving_gateway
from tests.support.pictures import PICTURES

__all__ = ["take"]

RAIN = """import narthex
places = ["Bergen", "Lyon", "Porto"]
with narthex.Table(["day", "station", ("mm", "double")]) as table:
    for i in range(240):
        table.add((f"2026-{i % 12 + 1:02}-{i % 28 + 1:02}", places[i % 3], i * 123 % 400 / 10))
narthex.rich({"text/html": "<h1>Rain</h1><p>In three towns.</p>"})
"""
CODE = """import narthex

# sizes
def size(n: int) -> str:
    \"\"\"In metres.\"\"\"
    return f"{n * 2} m" if n else 'none'

for i in range(10):
    print(size(i), True, None)
"""
STUBBORN = "trap : TERM; echo ready; sleep 300 & while :; do sleep 0.2; done"
ORDERS = r"""
for i in $(seq 400); do
  printf '\033[32mINFO\033[0m part %d of 400 is written\n' $i
  [ $((i % 56)) = 4 ] && printf '\033[1;31mWARN\033[0m part %d was slow\n' $i
  [ $((i % 25)) = 0 ] && echo "part $i: try again" >&2
done
echo '{"fraction": 0.55, "stages": [
 {"id": "read", "total": 40, "succeeded": 40, "failed": 0, "running": 0},
 {"id": "join", "total": 200, "succeeded": 90, "failed": 2, "running": 12},
 {"id": "write", "total": 30, "succeeded": 0, "failed": 0, "running": 0}]}' |
  tr -d '\n' >> "$NARTHEX_PROGRESS"; echo >> "$NARTHEX_PROGRESS"
for i in $(seq 60); do printf '\r %d %% copied' $i; done; echo
printf 'copying the rest'; sleep 300
"""


def take(folder: Path, gateway: Gateway, console: Console) -> None:
    """Takes all of them into a folder."""

    def shot(name: str) -> None:
        console.page.save_screenshot(str(folder / f"console-{name}.png"))

    with Client(gateway.url, gateway.token()) as client:
        client.run(RAIN, engine="python", session="none", name="rain")
        stubborn = client.execute(STUBBORN, name="stubborn")
        next(iter(stubborn.lines()))
        client.kill(stubborn.exec_id, grace=1.0)
        stubborn.wait()
        orders = client.execute(ORDERS, name="load-orders", tags=["nightly", "etl"])
        client.execute("echo later", name="later", hold=True)
        client.run("echo oops >&2; exit 2")
        client.run("print(1)", engine="python")
        console.enter("/")
        console.reads("#tasks .badge", "running")
        shot("tasks")
        console.open(f"/?task={stubborn.task_id}&tab=kill")
        console.reads("#panel", "It is proved")
        shot("kill")
        console.open("/?task=1&tab=results")
        console.reads("result-view", "200 of 240 rows")
        shot("results")
        dark(console.page)
        _end_of_log(console, orders.task_id, lambda: shot("log-dark"))
        dark(console.page, wanted=False)
        phone(console.page)
        _end_of_log(console, orders.task_id, lambda: shot("log-phone"))
        console.page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        client.kill(orders.exec_id, grace=0.0)


def _end_of_log(console: Console, task: int, shot: Callable[[], None]) -> None:
    """The end of the log of a running task, with its stages."""
    console.open(f"/?task={task}")
    console.reads("log-view .text", "copying the rest")
    console.one(".stage")
    shot()


def take_editor(folder: Path, console: Console) -> None:
    """Takes the one of the bundled code editor, with Python code in it."""
    console.enter("/?page=run")
    console.until(lambda: len(console.all("#run-form select[name=engine] option")) > 1, "engines")
    console.choose("#run-form select[name=engine]", "python")
    host = console.one("code-editor")
    console.page.execute_script("arguments[0].value = arguments[1]", host, CODE)
    host.shadow_root.find_element(By.CSS_SELECTOR, ".cm-content").click()
    console.page.save_screenshot(str(folder / "console-run.png"))


if __name__ == "__main__":
    into = Path(sys.argv[1]) if sys.argv[1:] else PICTURES
    with tempfile.TemporaryDirectory(prefix="nx-") as name:
        home = Path(name)
        with (
            serving_gateway(home / "data") as plain,
            browsing(home / "profile") as page,
        ):
            take(into, plain, Console(page, plain.url))
        with zipfile.ZipFile(wheel(home / "wheel", "bundled")) as archive:
            archive.extractall(home / "installed")
        with (
            serving_gateway(
                home / "again", PYTHONPATH=str(home / "installed"), PYTHONSAFEPATH="1"
            ) as bundled,
            browsing(home / "other") as page,
        ):
            page.set_window_size(1200, 783)
            take_editor(into, Console(page, bundled.url))
