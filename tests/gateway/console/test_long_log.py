"""A log of ten million lines in the console: its end, its middle, a search, and what it costs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import pytest
from selenium.webdriver.common.keys import Keys

from tests.gateway.console.driver import Console
from tests.gateway.console.test_journeys import ended, submitted
from tests.support.gateway import Gateway

LINES = 10_000_000
SECONDS = 0.5
MEGABYTES = 200
TRIES = 3

pytestmark = [pytest.mark.storm, pytest.mark.timeout(600)]


def best(console: Console, act: Callable[[int], None], text: str) -> float:
    """How many seconds it takes until a line is seen, in the best of some tries."""
    found = []
    for number in range(TRIES):
        console.open("/")
        console.one("#tasks a")
        begun = time.monotonic()
        act(number)
        console.reads("log-view .text", text)
        found.append(time.monotonic() - begun)
    return min(found)


def test_ten_million_lines(gateway: Gateway, console: Console) -> None:
    """Each is seen within half a second, and the page stays small; `--log-cli-level=info` tells."""
    number = submitted(gateway, f"seq -f 'line %.0f' {LINES}")
    ended(gateway, number)
    console.enter("/")

    def go(where: str) -> None:
        words = f"history.pushState(null, '', '/?task={number}{where}');"
        console.page.execute_script(f"{words} dispatchEvent(new Event('narthex-address'))")

    middle = LINES // 2
    shown = {
        "end": best(console, lambda _: go(""), f"line {LINES}"),
        "middle": best(console, lambda _: go(f"#L{middle}"), f"line {middle}"),
        "search": min(searched(console, middle + step) for step in (200_000, 400_000, 600_000)),
    }
    whole = []
    for _ in range(TRIES):
        best(console, lambda _: go("#L1"), "line 1")
        whole.append(searched(console, LINES - 1))
    shown["search of all"] = min(whole)
    for step in range(100):
        script = f"document.querySelector('.port').scrollTop = {step * 80_000}"
        console.page.execute_script(script)
        console.until(lambda: any(text.startswith("line") for _, text, _ in console.rows()), "rows")
    used = console.page.execute_script("return performance.memory.usedJSHeapSize") / 2**20
    logging.getLogger(__name__).info("seconds: %s, megabytes: %d", shown, used)
    assert max(shown.values()) < SECONDS, shown
    assert used < MEGABYTES


def searched(console: Console, line: int) -> float:
    """How many seconds a search takes from where one is, from Enter to the marked line."""
    console.fill("log-view input[type=search]", f"line {line}")
    begun = time.monotonic()
    console.one("log-view input[type=search]").send_keys(Keys.ENTER)
    console.reads(".row.current .text", f"line {line}")
    return time.monotonic() - begun
