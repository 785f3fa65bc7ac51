"""Foreign code that raises or blocks."""

from __future__ import annotations

import sys
import threading

import pytest

from engines.contract import EngineError
from gateway.runner.run.timeout_executor import TimeoutExecutor


async def test_the_answer_comes_back() -> None:
    """A call that returns gives its value."""
    assert await TimeoutExecutor(5).call("engine", lambda: 7) == 7


async def test_an_engines_own_words_come_through() -> None:
    """An EngineError is passed on as it is."""

    def refuse() -> None:
        raise EngineError("no such kernel")

    with pytest.raises(EngineError, match="no such kernel"):
        await TimeoutExecutor(5).call("engine", refuse)


@pytest.mark.parametrize("kind", [ValueError, SystemExit, KeyboardInterrupt, StopIteration])
async def test_whatever_is_raised_is_an_engine_error(kind: type[BaseException]) -> None:
    """Nothing that foreign code raises reaches the loop as itself."""

    def burst() -> None:
        raise kind("x")

    with pytest.raises(EngineError, match=f"engine failed with {kind.__name__}"):
        await TimeoutExecutor(5).call("engine", burst)


async def test_a_call_that_blocks_is_left_alone_and_counted() -> None:
    """Past its deadline a call costs a thread; when too many do, the next is refused at once."""
    free = threading.Event()
    calls = TimeoutExecutor(0.05, most=2)
    for _ in range(2):
        with pytest.raises(EngineError, match=r"did not answer in 0\.05 s"):
            await calls.call("engine", free.wait)
    with pytest.raises(EngineError, match="blocked"):
        await calls.call("engine", free.wait)
    free.set()


async def test_threads_come_back() -> None:
    """A thread that ends can be used again, however it ended."""
    calls = TimeoutExecutor(5, most=1)
    for _ in range(20):
        with pytest.raises(EngineError):
            await calls.call("engine", sys.exit)
    assert await calls.call("engine", lambda: 1) == 1
