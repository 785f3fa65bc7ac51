"""The JavaScript client while its connections break and the gateway dies: no line lost or twice."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gateway.client import Client
from tests.gateway.client.js.conftest import Node
from tests.gateway.client.js.test_client import execute, lines
from tests.support.cutting_proxy import CuttingProxy, cutting
from tests.support.gateway import Gateway
from tests.support.served import Served
from tests.support.waiting import wait_until_sync


def slow_lines(flag: Path) -> str:
    """Code that writes lines until the flag is there, and then a last one."""
    return (
        f"i=0; while [ ! -e '{flag}' ]; do i=$((i+1)); echo line $i; sleep 0.002; done; echo over"
    )


@contextmanager
def meanwhile(work: Callable[[], None]) -> Iterator[None]:
    """Does work in another thread as long as the block lasts, and tells its failure."""
    failures: list[BaseException] = []

    def tried() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - handed on below
            failures.append(error)

    thread = threading.Thread(target=tried)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    assert not failures, failures


def cut(proxy: CuttingProxy, count: int, seconds: float) -> None:
    """Breaks every connection, again and again, until that many are broken."""
    never = threading.Event()

    def enough() -> bool:
        never.wait(0.1)
        proxy.cut()
        return proxy.cuts >= count

    wait_until_sync(enough, f"{count} cuts", seconds)


def exact(news: list[dict[str, object]]) -> int:
    """How many lines there are, which are exactly those that were written."""
    found = lines(news)
    assert found == [
        *((i, f"line {i}") for i in range(1, len(found))),
        (len(found), "over"),
    ]
    assert [item["type"] for item in news].count("end") == 1
    assert news[-1]["type"] == "end"
    assert news[-1]["last"] == len(found)
    return len(found)


def cut_and_compared(served: Served, node: Node, flag: Path, count: int, seconds: float) -> None:
    """Follows through a proxy that breaks that many connections."""
    exec_id = execute(served, slow_lines(flag), over=False)
    with cutting("127.0.0.1", urlsplit(served.url).port or 0) as proxy:

        def work() -> None:
            try:
                cut(proxy, count, seconds)
            finally:
                flag.touch()

        with meanwhile(work):
            url = f"http://{proxy.address}"
            news = node.follow(served, exec_id, seconds + 30, url=url)
        assert proxy.cuts >= count
    assert exact(news) > count


def test_cut_again_and_again(served: Served, node: Node, tmp_path: Path) -> None:
    """Connections that are reset in mid-stream cost time, and not one line."""
    cut_and_compared(served, node, tmp_path / "flag", 40, 60)


@pytest.mark.storm
@pytest.mark.timeout(600)
def test_two_hundred_cuts(served: Served, node: Node, tmp_path: Path) -> None:
    """As above, two hundred times."""
    cut_and_compared(served, node, tmp_path / "flag", 200, 400)


def test_cut_within_a_frame(served: Served, node: Node) -> None:
    """A frame that is cut in its middle is asked for again from its first line or part."""
    code = "seq 1 20000; head -c 1000000 /dev/zero | tr '\\0' x; echo; echo b"
    exec_id = execute(served, code)
    with cutting("127.0.0.1", urlsplit(served.url).port or 0) as proxy:
        proxy.cut_after = 300_000
        news = node.follow(served, exec_id, url=f"http://{proxy.address}")
        assert proxy.cuts >= 4
    whole = [text for number, text in lines(news) if number <= 20_000]
    assert whole == [str(i) for i in range(1, 20_001)]
    assert "".join(text for number, text in lines(news) if number == 20_001) == "x" * 1_000_000
    assert lines(news)[-1] == (20_002, "b")


def another(served: Served, old: list[int]) -> bool:
    """Whether there is a process of the gateway, and not the old one."""
    return served.parts("gateway.app") not in ([], old)


def killed(own_gateway: Gateway, node: Node, flag: Path, times: int) -> int:
    """Follows while the gateway's process is killed so many times; how many lines there were."""
    served = own_gateway.served
    exec_id = execute(served, slow_lines(flag), over=False)

    def more(client: Client) -> None:
        seen = client.log(exec_id).last
        wait_until_sync(lambda: client.log(exec_id).last > seen + 200, "more lines", 40)

    def work() -> None:
        try:
            with Client(served.url, served.token, patience_seconds=60) as client:
                for _ in range(times):
                    more(client)
                    old = served.parts("gateway.app")
                    os.kill(old[0], signal.SIGKILL)
                    wait_until_sync(partial(another, served, old), "another process", 40)
                more(client)
        finally:
            flag.touch()

    with meanwhile(work):
        news = node.follow(served, exec_id)
    return exact(news)


def test_the_gateway_is_killed(own_gateway: Gateway, node: Node, tmp_path: Path) -> None:
    """A follower outlives the gateway and goes on with its successor."""
    assert killed(own_gateway, node, tmp_path / "flag", 1) > 400


@pytest.mark.storm
def test_the_gateway_is_killed_twice(own_gateway: Gateway, node: Node, tmp_path: Path) -> None:
    """As above, twice."""
    assert killed(own_gateway, node, tmp_path / "flag", 2) > 600
