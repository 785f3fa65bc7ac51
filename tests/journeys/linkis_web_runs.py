"""Runs as the pages of the web clients see them: what every replay does and asserts."""

from __future__ import annotations

import pytest

from tests.journeys.linkis_web import FINAL, Browser, Client, Tab

__all__ = [
    "ADMIN",
    "SOCKETS",
    "SOON",
    "every_line_once",
    "printed",
    "received_in_time",
    "scripted",
]

ADMIN = "admin"
SOON = 2.0
"""Seconds. The clients poll every five: their first poll after an end is no sooner than this."""
SOCKETS = pytest.mark.parametrize("client", [Client.SCRIPTIS, Client.CONSOLE])


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


async def printed(page: Browser, tab: Tab) -> bool:
    """Whether the script has printed something, by another way than the page's own."""
    log = await page.data("GET", f"entrance/{tab.task_id}/log", params={"size": 100})
    return " INFO out " in log["log"][3]
