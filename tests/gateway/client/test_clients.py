"""Both clients against a real gateway: every verb, and following through broken connections."""

import contextlib
import dataclasses
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from gateway.client import (
    AsyncClient,
    Client,
    ClientError,
    ConnectionFailed,
    End,
    Gap,
    Line,
    Partial,
    Submitted,
    Unauthenticated,
)
from gateway.client.address import Address
from protocol.logs import Stream
from tests.support.cutting_proxy import CuttingProxy, cutting
from tests.support.served import Served, admin_password
from tests.support.waiting import wait_until_sync

SLOW_LINES = "for i in $(seq 1 {count}); do echo line $i; sleep 0.004; done"


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    """A client of the administrator."""
    with Client(served.url, served.token, patience_seconds=20) as made:
        yield made


@contextlib.contextmanager
def through(served: Served) -> Iterator[tuple[CuttingProxy, Client]]:
    """A client that reaches the gateway through a proxy which can break connections."""
    url = urlsplit(served.url)
    with (
        cutting("127.0.0.1", url.port or 0) as proxy,
        Client(proxy.address, served.token, patience_seconds=30) as made,
    ):
        yield proxy, made


def checked(items: list[Line | Gap | End], texts: list[str], first: int = 1) -> End:
    """The end, after lines that are exactly these, once and in order."""
    *lines, end = items
    assert isinstance(end, End)
    found = [(line.number, line.text) for line in lines if isinstance(line, Line)]
    assert found == list(enumerate(texts, first))
    assert len(found) == len(lines)
    return end


def test_the_verbs(client: Client) -> None:
    """Code is submitted, looked at, read, listed and killed."""
    accepted = client.execute("echo one; echo two >&2; sleep 300")
    wait_until_sync(lambda: client.status(accepted.exec_id).status == "Running", "the task to run")
    assert client.progress(accepted.exec_id).fraction < 1
    page = client.log(accepted.exec_id, wait=10)
    while len(page.lines) < 2:
        page = client.log(accepted.exec_id, wait=1)
    assert {(line.text, str(line.stream)) for line in page.lines} == {
        ("one", "out"),
        ("two", "err"),
    }
    assert not page.eof
    row = client.list(("Running",))[0]
    assert (row.exec_id, row.task_id) == (accepted.exec_id, accepted.task_id)
    assert client.kill(accepted.exec_id) == accepted.exec_id
    *_, end = client.follow(str(accepted.task_id))
    assert isinstance(end, End)
    assert end.status == "Cancelled"
    assert client.status(accepted.exec_id).final


def test_a_repeated_submission(client: Client) -> None:
    """The same request id gives the same task."""
    first = client.execute("echo once", request_id="the-same")
    assert client.execute("echo once", request_id="the-same") == first


def test_login(served: Served) -> None:
    """A password gives a ticket which later requests carry; a wrong one does not."""
    password = admin_password(served.data)
    with Client(served.url) as stranger:
        with pytest.raises(ClientError) as caught:
            stranger.list()
        assert (caught.value.status, caught.value.code) == (-1, 401)
        with pytest.raises(ClientError):
            stranger.login("admin", "wrong")
        assert stranger.login("admin", password).admin
        stranger.list()


def test_refusals_are_final(client: Client) -> None:
    """An unknown task and an unknown engine are refused with words, and not asked about again."""
    with pytest.raises(ClientError, match="999999"):
        client.status("999999")
    with pytest.raises(ClientError):
        list(client.follow("030418IDEhivebdpdwc010004:10087IDE_johnnwang_21"))
    with pytest.raises(ClientError):
        client.execute("x", engine="nonsense")


@pytest.mark.parametrize(
    ("server", "said"),
    [
        ("http://127.0.0.1:1", "connection refused"),
        ("https://127.0.0.1:1", "connection refused"),
        ("http://nowhere.invalid:80", "the host is not known"),
    ],
)
async def test_nobody_there(server: str, said: str) -> None:
    """A gateway that was never there is a failed connection at once, for every way to ask."""
    with Client(server, "t", patience_seconds=600) as lost:
        for ask in (lambda: lost.status("1"), lambda: list(lost.stream("echo"))):
            with pytest.raises(ConnectionFailed, match=f"no connection to {server}: {said}"):
                ask()
    async with AsyncClient(server, "t", patience_seconds=600) as later:
        with pytest.raises(ConnectionFailed, match=f"no connection to {server}: {said}"):
            await later.status("1")


async def test_a_host_that_says_nothing() -> None:
    """One that is down refuses nothing; nobody waits for it longer than for one that does."""
    with contextlib.ExitStack() as stack:
        deaf = stack.enter_context(socket.socket())
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for _ in range(4):  # a queue that is full: what comes now is left without an answer
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)  # noqa: FBT003 - the socket's own signature
            waiting.connect_ex(deaf.getsockname())
        server = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        with Client(server, "t", patience_seconds=600) as lost:
            with pytest.raises(ConnectionFailed, match=r"no answer within 1\.5 s"):
                lost.status("1")
            with pytest.raises(ConnectionFailed, match=r"no answer within 1\.5 s"):
                list(lost.stream("echo"))
        async with AsyncClient(server, "t", patience_seconds=600) as later:
            with pytest.raises(ConnectionFailed, match=r"no answer within 1\.5 s"):
                await later.status("1")


def test_no_tls_there(served: Served) -> None:
    """An address of https where there is http is told so at once."""
    server = served.url.replace("http:", "https:")
    with Client(server, "t", patience_seconds=600) as lost:
        with pytest.raises(ConnectionFailed, match="no TLS at that address"):
            lost.status("1")
        with pytest.raises(ConnectionFailed, match="no TLS at that address"):
            list(lost.stream("echo"))


def test_a_gateway_that_is_still_to_come() -> None:
    """Who wants to wait for a gateway waits as long as the patience."""
    with (
        Client("127.0.0.1:1", "t", patience_seconds=0.2, wait_for_gateway=True) as lost,
        pytest.raises(ConnectionFailed),
    ):
        lost.status("1")


def test_errors_have_classes(served: Served, client: Client) -> None:
    """A wrong token can be told from other refusals by its class."""
    with Client(served.url, "nonsense") as stranger:
        with pytest.raises(Unauthenticated):
            stranger.status("1")
        with pytest.raises(Unauthenticated):
            list(stranger.stream("echo"))
    with pytest.raises(ClientError) as refused:
        client.status("999999999")
    assert not isinstance(refused.value, Unauthenticated)


def test_how_it_ended(client: Client) -> None:
    """The end tells exit code or signal, by websocket as by polling."""
    for code, expected in (("exit 7", (7, None)), ("kill -9 $$", (None, 9))):
        exec_id = client.execute(code).exec_id
        with polling(client) as poller:
            for follower in (client, poller):
                *_, end = follower.follow(exec_id)
                assert isinstance(end, End)
                assert (end.exit_code, end.signal, end.status) == (*expected, "Failed")


def polling(client: Client) -> Client:
    """The same client where no websocket can be had."""
    made = Client(client._carrier._address.http, client._carrier.token, patience_seconds=20)
    made._carrier._address = dataclasses.replace(
        Address.parse(client._carrier._address.http), socket="ws://127.0.0.1:1/"
    )
    return made


def test_polling_alone(client: Client) -> None:
    """Without a websocket the lines of a running task come by long polling, exactly."""
    exec_id = client.execute(SLOW_LINES.format(count=300)).exec_id
    with polling(client) as follower:
        items = list(follower.follow(exec_id))
    checked(items, [f"line {i}" for i in range(1, 301)])


def test_from_a_line(client: Client) -> None:
    """Following begins at any line."""
    exec_id = client.execute("seq 1 50").exec_id
    checked(list(client.follow(exec_id, 41)), [str(i) for i in range(41, 51)], 41)


def test_cut_again_and_again(served: Served) -> None:
    """Connections that are reset in mid-stream cost time, and not one line."""
    with through(served) as (proxy, client):
        exec_id = client.execute(SLOW_LINES.format(count=1200)).exec_id
        stop = threading.Event()

        def cut() -> None:
            while not stop.wait(0.4):
                proxy.cut()

        cutter = threading.Thread(target=cut)
        cutter.start()
        try:
            items = list(client.follow(exec_id))
        finally:
            stop.set()
            cutter.join()
        assert proxy.connections > 4
    checked(items, [f"line {i}" for i in range(1, 1201)])


def test_cut_after_so_many_bytes(served: Served) -> None:
    """A frame that is cut in its middle is asked for again from its first line."""
    with through(served) as (proxy, client):
        exec_id = client.execute("seq 1 20000").exec_id
        wait_until_sync(lambda: client.status(exec_id).final, "the task to end")
        proxy.cut_after = 150_000
        items = list(client.follow(exec_id))
        assert proxy.cuts >= 2
    checked(items, [str(i) for i in range(1, 20001)])


def test_a_long_line_cut(served: Served) -> None:
    """The parts of a line of a megabyte join to it, whatever was cut where."""
    with through(served) as (proxy, client):
        exec_id = client.execute(
            "echo a; head -c 1000000 /dev/zero | tr '\\0' x; echo; echo b"
        ).exec_id
        wait_until_sync(lambda: client.status(exec_id).final, "the task to end")
        proxy.cut_after = 300_000
        lines = [item for item in client.follow(exec_id) if isinstance(item, Line)]
        assert proxy.cuts >= 2
    assert [line.number for line in lines] == sorted(line.number for line in lines)
    texts = {n: b"".join(line.data for line in lines if line.number == n) for n in (1, 2, 3)}
    assert texts == {1: b"a", 2: b"x" * 1_000_000, 3: b"b"}


def test_bytes_that_are_no_text(client: Client) -> None:
    """A line that is not UTF-8 arrives byte by byte."""
    exec_id = client.execute(r"printf '\377\376\n'").exec_id
    line, _end = client.follow(exec_id)
    assert isinstance(line, Line)
    assert line.data == b"\xff\xfe"


def test_run(client: Client) -> None:
    """Code is submitted and followed in one go, with its changes of state."""
    news = [item for batch in client.stream("echo hello; exit 3") for item in batch]
    assert isinstance(news[0], Submitted)
    assert [item.text for item in news if isinstance(item, Line)] == ["hello"]
    assert news[-1] == End(1, "Failed", 3, None)


def test_glimpses_and_credit(client: Client) -> None:
    """An open line is glimpsed before it ends; with little credit all lines come, byte for byte."""
    code = r"printf '1%%\r2%%\r'; sleep 1; echo; seq 2 300"
    exec_id = client.execute(code).exec_id
    news = [item for batch in client.news(exec_id, partial=True, credit=7) for item in batch]
    assert Partial(1, Stream.OUT, "2%") in news
    lines = [item for item in news if isinstance(item, Line)]
    assert lines[0].data == b"1%\r2%\r"
    assert [line.text for line in lines[1:]] == [str(n) for n in range(2, 301)]
    assert isinstance(news[-1], End)


def test_a_kill_and_its_report(client: Client) -> None:
    """A kill chooses its grace, and its report says what became of it."""
    exec_id = client.execute("sleep 60").exec_id
    report = client.kill_report(exec_id, grace=0, wait=20)
    assert (report.state, report.verified, report.left, report.over) == ("killed", True, (), True)
    assert client.kill_report(exec_id).state == "killed"
    assert client.kill(exec_id, grace=1) == exec_id


async def test_the_async_verbs(served: Served) -> None:
    """The async client has the same verbs and follows as exactly."""
    async with AsyncClient(served.url, served.token, patience_seconds=20) as client:
        accepted = await client.execute(SLOW_LINES.format(count=100))
        assert (await client.status(accepted.exec_id)).task_id == accepted.task_id
        assert (await client.progress(accepted.exec_id)).fraction <= 1
        items = [item async for item in client.follow(accepted.exec_id)]
        end = checked(items, [f"line {i}" for i in range(1, 101)])
        assert end.exit_code == 0
        page = await client.log(accepted.exec_id, 99)
        assert [line.number for line in page.lines] == [99, 100]
        assert page.eof
        assert (await client.list(size=1))[0].exec_id == accepted.exec_id
        with pytest.raises(ClientError):
            await client.kill(accepted.exec_id, grace=1)
        assert (await client.kill_report(accepted.exec_id)).state == "ended"
        news = [item async for batch in client.stream("echo x") for item in batch]
        assert isinstance(news[-1], End)


async def test_the_async_client_is_cut(served: Served) -> None:
    """The async client goes on after a reset too."""
    url = urlsplit(served.url)
    with cutting("127.0.0.1", url.port or 0) as proxy:
        async with AsyncClient(proxy.address, served.token) as client:
            accepted = await client.execute(SLOW_LINES.format(count=300))
            items: list[Line | Gap | End] = []
            async for item in client.follow(accepted.exec_id):
                items.append(item)
                if len(items) in (50, 150):
                    proxy.cut()
    checked(items, [f"line {i}" for i in range(1, 301)])


async def test_nobody_there_for_async() -> None:
    """A gateway that is not there is a failed connection after the patience."""
    async with AsyncClient("127.0.0.1:1", "t", patience_seconds=0.2) as lost:
        with pytest.raises(ConnectionFailed):
            await lost.status("1")
