"""How long it takes until the console shows its first list, and what comes over the wire for it."""

from __future__ import annotations

import time

from tests.gateway.console.driver import Console
from tests.gateway.console.test_journeys import submitted
from tests.support.gateway import Gateway

SECONDS = 1.0
KILOBYTES = 300
TRIES = 5
TASKS = 60
"""More than a window shows."""
BYTES = """
return performance.getEntriesByType("navigation")
  .concat(performance.getEntriesByType("resource"))
  .map((one) => one.transferSize).reduce((sum, one) => sum + one, 0);
"""


def test_the_first_list_is_there_within_a_second(gateway: Gateway, console: Console) -> None:
    """From the opening of the address to the newest task, with nothing in the browser's cache."""
    for _ in range(TASKS - 1):
        submitted(gateway, "true")
    newest = submitted(gateway, "echo the newest")
    console.enter("/")
    taken = []
    for _ in range(TRIES):
        console.page.get("about:blank")
        console.page.execute_cdp_cmd("Network.clearBrowserCache", {})
        begun = time.monotonic()
        console.open("/")
        console.until(lambda: f"task={newest}" in links(console), "the newest task")
        taken.append(time.monotonic() - begun)
        sent = console.page.execute_script(BYTES)
        assert 0 < sent < KILOBYTES * 1000
    assert min(taken) < SECONDS


def links(console: Console) -> str:
    """The addresses of the tasks in the list."""
    script = "return [...document.querySelectorAll('#tasks a')].map((one) => one.href).join(' ')"
    return str(console.page.execute_script(script))
