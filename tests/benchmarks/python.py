"""Warm Python statements beside the same through jupyter_client alone, and a flood of prints."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

from tests.benchmarks.figures import Figure, median
from tests.journeys.entrance import Caller
from tests.support.served import Served

ROUNDS = 50
PRINTS = 200_000


def statement(code: str) -> dict[str, object]:
    """The body that submits Python code."""
    return {"executeApplicationName": "python", "runType": "python", "executionCode": code}


def said(caller: Caller, code: str) -> str:
    """The execID of a statement, once it has ended well."""
    exec_id = str(caller.call("POST", "execute", json=statement(code))["execID"])
    page = {"format": "lines", "fromLine": 1 << 40, "size": 1, "wait": 30}
    while not caller.call("GET", f"{exec_id}/log", params=page)["eof"]:
        continue
    assert caller.status(exec_id) == "Succeed"
    return exec_id


@contextmanager
def bare_kernel() -> Iterator[BlockingKernelClient]:
    """A kernel without anything around it."""
    manager, client = start_new_kernel()
    try:
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def timed(work: object) -> float:
    """Milliseconds that a call takes."""
    assert callable(work)
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def measure(gateway: Served, share: float) -> list[Figure]:
    """Round trips of ``1+1``, and the lines of a flood that arrive."""
    prints = int(PRINTS * share)
    code = f"for i in range({prints}): print('line', i, flush=True)"
    with Caller(gateway) as caller, bare_kernel() as kernel:
        said(caller, "1+1")
        ours = [timed(lambda: said(caller, "1+1")) for _ in range(ROUNDS)]
        silent = {"allow_stdin": False, "output_hook": lambda _: None}
        kernel.execute_interactive("1+1", **silent)
        theirs = [timed(lambda: kernel.execute_interactive("1+1", **silent)) for _ in range(ROUNDS)]
        flood = timed(lambda: said(caller, code)) / 1000
        bare = timed(lambda: kernel.execute_interactive(code, timeout=600, **silent)) / 1000
        exec_id = said(caller, code)
        lines = caller.lines(exec_id)
        assert [line["text"] for line in lines] == [f"line {i}" for i in range(prints)]
    return [
        Figure(
            "python",
            "warm 1+1 over HTTP, p50",
            median(ours),
            "ms",
            "jupyter_client, p50",
            median(theirs),
            more_is_better=False,
        ),
        Figure(
            "python",
            "flushed prints",
            flood,
            "s",
            "jupyter_client that drains",
            bare,
            more_is_better=False,
        ),
    ]
