"""A log: numbered lines that anybody can read from where they were."""

import httpx

from tests.fundamentals.test_01_tasks import data, ended, submit


def test_lines_have_numbers(http: httpx.Client) -> None:
    """A page begins at a line and says where the next one begins."""
    task = submit(http, "for i in $(seq 10); do echo line $i; done")["execID"]
    ended(http, task)

    page = data(http.get(f"/{task}/log", params={"format": "lines", "fromLine": 4, "size": 3}))

    assert [(line["n"], line["text"]) for line in page["lines"]] == [
        (4, "line 4"),
        (5, "line 5"),
        (6, "line 6"),
    ]
    assert (page["fromLine"], page["eof"]) == (7, False)


def test_a_poller_waits_for_the_next_line(http: httpx.Client) -> None:
    """``wait`` holds the reply until there is a line, so a poller need not poll."""
    task = submit(http, "sleep 0.5; echo here; sleep 0.2; echo and here")["execID"]
    lines: list[str] = []
    number, eof = 1, False
    while not eof:
        page = data(
            http.get(f"/{task}/log", params={"format": "lines", "fromLine": number, "wait": 20})
        )
        lines += [line["text"] for line in page["lines"]]
        number, eof = page["fromLine"], page["eof"]

    assert lines == ["here", "and here"]


def test_streams_are_told_apart(http: httpx.Client) -> None:
    """Each line says which stream it came from; the numbers go over both."""
    task = submit(http, "echo out; sleep 0.1; echo err >&2")["execID"]
    ended(http, task)

    page = data(http.get(f"/{task}/log", params={"format": "lines", "fromLine": 1}))

    assert [(line["n"], line["s"], line["text"]) for line in page["lines"]] == [
        (1, "out", "out"),
        (2, "err", "err"),
    ]
