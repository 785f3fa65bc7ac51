"""A task in the client's hands: run, wait, look, stop, files both ways, and what is refused."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.client import (
    AsyncClient,
    Client,
    ClientError,
    Conflict,
    Invalid,
    Line,
    NotFound,
    TaskFailed,
    TimedOut,
    Unauthenticated,
)
from gateway.client.submission import body_of, submission_of
from gateway.client.task_ref import task_text
from tests.support.served import Served

TABLE = """python3 -c '
import narthex
narthex.table([("ann", 1), ("bob", None)], ["who", "n"])'"""


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    """One for threads."""
    with Client(served.url, served.token) as made:
        yield made


def test_run_in_one_call(client: Client) -> None:
    """What was printed and how it ended come back together."""
    done = client.run("echo out; echo err >&2; exit 3", name="three", labels={"team": "a"})
    assert (done.status, done.exit_code, done.signal, done.ok) == ("Failed", 3, None, False)
    assert (done.stdout, done.stderr) == ("out\n", "err\n")
    assert sorted(done.output.splitlines()) == ["err", "out"]
    row = done.task.describe()
    assert (row.name, row.tags, row.task_id) == ("three", ("team=a",), done.task.task_id)
    with pytest.raises(TaskFailed, match=r"task \d+ failed \(exit code 3\)") as caught:
        done.check()
    assert (caught.value.exit_code, caught.value.word) == (3, "Failed")
    with pytest.raises(TaskFailed):
        client.run("false", check=True)
    assert client.run("echo one", check=True).check().stdout == "one\n"


def test_a_task_by_any_name(client: Client) -> None:
    """Its number, its digits, its execID, a handle and a row of a list mean the same task."""
    task = client.execute("echo hello; sleep 300")
    assert next(iter(task.lines())).text == "hello"
    (row,) = client.list(active=True)
    for name in (task.task_id, str(task.task_id), task.exec_id, task, row):
        assert client.status(name).exec_id == task.exec_id
        assert client.task(name) == task
    assert client.control.tag(task.task_id, ["x"]).tags == ("x",)
    assert client.list(tags=["x"])[0].exec_id == task.exec_id
    assert task.kill(grace=0) == task.exec_id
    assert task.wait(20).status == "Cancelled"
    assert client.list(active=True) == ()
    assert [line.text for line in task.lines()] == ["hello"]
    assert task.output().data == b"hello\n"
    assert [one.event for one in task.events().events if one.event == "tag"] == ["tag"]


def test_waiting(client: Client) -> None:
    """A wait that is too short says so and leaves the task alone; the end is waited for else."""
    task = client.execute("read -r line < /dev/null; sleep 300")
    with pytest.raises(TimedOut, match="has not ended within") as caught:
        client.wait(task, timeout=0.2)
    assert isinstance(caught.value, TimeoutError)
    assert not task.status().final
    task.kill(grace=0)
    assert client.wait(task.task_id).status == "Cancelled"
    assert client.run("exit 7").task.wait(0).exit_code == 7


def test_order_and_hold(client: Client) -> None:
    """A held task goes on when it is resumed, and one that waits for it after its end."""
    first = client.execute("echo first", hold=True)
    second = client.execute("echo second", after=[first], start_at=datetime.now(UTC))
    assert not second.status().final
    assert first.resume().task_id == first.task_id
    assert second.wait(60).status == "Succeed"
    assert first.status().status == "Succeed"


def test_files_go_and_come(client: Client, tmp_path: Path) -> None:
    """Inputs are where the program looks for them, and what it wrote is copied back."""
    source = tmp_path / "in.txt"
    source.write_text("b\na\n")
    code = "mkdir sub && sort in.txt > sub/out.csv && cat more/x > y.log && echo $A"
    inputs: dict[str, Path | bytes] = {"in.txt": source, "more/x": b"\x00bytes"}
    done = client.run(code, inputs=inputs, outputs=["*.csv", "y*"], env={"A": "b"}, check=True)
    assert done.stdout == "b\n"
    into = tmp_path / "into"
    assert done.fetch(into) == (into / "sub" / "out.csv", into / "y.log")
    assert (into / "sub" / "out.csv").read_text() == "a\nb\n"
    assert (into / "y.log").read_bytes() == b"\x00bytes"
    assert client.files.read(f"{done.task.workdir}/in.txt") == b"b\na\n"
    again = client.run("cat y.log", workdir=done.task.workdir)
    assert again.stdout == "\x00bytes\n"
    names = [row.path.rpartition("/")[2] for row in client.files.list(done.task.workdir)]
    assert names == ["more", "sub", "in.txt", "y.log"]
    client.files.remove("tasks")
    with pytest.raises(NotFound):
        client.files.list(done.task.workdir)
    with pytest.raises(Invalid, match="has no folder"):
        client.run("true").fetch()
    with pytest.raises(Invalid, match="cannot read"):
        client.execute("true", inputs=[tmp_path / "nowhere"])


def test_python_with_arguments(client: Client) -> None:
    """Code with arguments or an input of its own is a process of its own."""
    code = "import sys; print(sys.argv[1:], sys.stdin.read(), end='')"
    assert client.run(code, engine="python", args=["a b"], stdin="in").stdout == "['a b'] in\n"


def test_a_table_back(client: Client) -> None:
    """Rows come as tuples, as dicts, by pages and as a frame."""
    (table,) = client.run(TABLE, check=True).results()
    assert list(table.rows()) == [("ann", 1), ("bob", None)]
    assert list(table.dicts()) == [{"who": "ann", "n": 1}, {"who": "bob", "n": None}]
    assert table.page(2, size=1).rows == (("bob", None),)
    assert table.to_pandas()["n"].sum() == 1
    assert table.to_arrow().num_rows == 2


def test_refusals_have_classes(served: Served, client: Client) -> None:
    """What was refused can be told without reading the sentence."""
    with pytest.raises(NotFound):
        client.task(999_999)
    with pytest.raises(NotFound):
        client.files.read("nowhere")
    with pytest.raises(Invalid) as invalid:
        client.execute("x", engine="nonsense")
    assert (invalid.value.field, invalid.value.number) == ("executeApplicationName", 91001)
    with pytest.raises(Conflict):
        client.run("true").task.resume()
    client.execute("echo 1", request_id="one-id-for-two")
    with pytest.raises(Conflict):
        client.execute("echo 2", request_id="one-id-for-two")
    for nobody in ("", 0, -1, True, None):
        with pytest.raises(Invalid, match="neither the number nor the execID"):
            client.status(nobody)  # type: ignore[arg-type] # what people pass by mistake
    with pytest.raises(TypeError, match="a task has no 'tiemout': it may have after, args, conf"):
        client.execute("true", tiemout=3)  # type: ignore[call-arg] # a slip
    with Client(served.url, "wrong") as stranger, pytest.raises(Unauthenticated):
        stranger.run("true")


async def test_the_same_names_later(served: Served, tmp_path: Path) -> None:
    """The asynchronous client does all of this by the same names."""
    async with AsyncClient(served.url, served.token) as client:
        done = await client.run("echo $A; exit 2", env={"A": "x"})
        assert (done.stdout, done.exit_code) == ("x\n", 2)
        with pytest.raises(TaskFailed):
            done.check()
        task = await client.execute("cat in > out; echo hello", inputs={"in": b"1"})
        assert (await task.wait(60)).exit_code == 0
        assert [line.text async for line in task.lines()] == ["hello"]
        assert await task.fetch(tmp_path, ["out"]) == (tmp_path / "out",)
        assert (tmp_path / "out").read_bytes() == b"1"
        (table,) = await (await client.run(TABLE, check=True)).results()
        assert [row async for row in table.rows()] == [("ann", 1), ("bob", None)]
        assert await client.task(task.task_id) == task
        streamed = [item async for batch in client.stream("echo s") for item in batch]
        assert [item.text for item in streamed if isinstance(item, Line)] == ["s"]
        with pytest.raises(NotFound):
            await client.task(999_999)


def test_the_address_of_the_environment(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an address the two variables say where and who."""
    monkeypatch.setenv("NARTHEX_SERVER", served.url)
    monkeypatch.setenv("NARTHEX_TOKEN", served.token)
    with Client() as client:
        assert client.run("echo here").stdout == "here\n"


def test_one_client_after_its_gateway_was_refused() -> None:
    """A gateway that is not there is an error that has the address."""
    with Client("127.0.0.1:1", "t") as lost, pytest.raises(ClientError, match="connection refused"):
        lost.run("true")


@pytest.mark.parametrize(
    ("asked", "name", "value"),
    [
        ({"labels": {"a": "b"}, "tags": ["c"]}, "tags", ["c", "a=b"]),
        ({"after": [7, "8"]}, "after", ["7", "8"]),
        ({"start_at": datetime(2030, 1, 1, tzinfo=UTC)}, "startAt", 1_893_456_000_000),
        ({"start_at": 5}, "startAt", 5),
        ({"args": ["-x"]}, "arguments", ["-x"]),
        ({"outputs": ["*"], "request_id": "a.b:c"}, "workdir", "tasks/a_b_c"),
        ({"outputs": ["*"], "workdir": "w"}, "workdir", "w"),
        ({"engine": "spark"}, "runType", "sql"),
    ],
)
def test_what_is_asked_for_on_the_wire(asked: dict[str, object], name: str, value: object) -> None:
    """Each thing that a task may have has its field."""
    assert body_of(submission_of("x", **asked))[name] == value  # type: ignore[arg-type] # a table


def test_only_python_leaves_its_session() -> None:
    """Arguments need a process of their own where code is else a statement."""
    assert submission_of("x", engine="python", args=["1"]).session == "none"
    assert submission_of("x", engine="python", args=["1"], session="mine").session == "mine"
    assert submission_of("x", engine="python").session == ""
    assert submission_of("x", args=["1"]).session == ""


def test_a_time_without_a_zone_is_of_this_place() -> None:
    """As everywhere in Python."""
    moment = datetime.now(UTC) + timedelta(hours=1)
    here = moment.astimezone().replace(tzinfo=None)
    assert submission_of("x", start_at=here).start_at_ms == int(moment.timestamp() * 1000)


def test_what_a_task_is_called() -> None:
    """Numbers, digits and execIDs, and nothing else."""
    assert [task_text(one) for one in (7, "7", " 7 ")] == ["7", "7", "7"]
