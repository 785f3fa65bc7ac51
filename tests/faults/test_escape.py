"""What user code can reach of the gateway, of others and of the machine, with walls and without."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engines.isolation import missing_for_users
from gateway.data_paths import DataPaths
from tests.engines.conftest import enclosable
from tests.journeys.entrance import Caller
from tests.support.gateway import Gateway, serving_gateway
from tests.support.native import native_program
from tests.support.waiting import wait_until_sync

PROGRAM = Path(__file__).parent.parent / "children" / "escape.py"
ANYBODY = {
    "see_the_keys",
    "see_another_run",
    "read_the_keys",
    "read_the_accounts",
    "read_the_code_of_another",
    "read_the_log_of_another",
    "read_the_environment_of_the_gateway",
    "list_the_descriptors_of_the_gateway",
    "read_a_key_by_a_link",
    "link_a_key_hard",
    "connect_to_the_store",
    "knock_at_the_runner",
    "signal_the_gateway",
    "signal_the_supervisor",
    "see_many_processes",
    "write_into_the_data",
    "write_into_another_run",
}
"""What a task without walls can do as a user who has no special rights."""
LEFT = "narthex-escape"
WAYS = ["shell", "python", "session", pytest.param("spark", marks=pytest.mark.storm)]
SECONDS = 150.0
"""A Spark driver that starts on a busy machine takes a minute."""


@contextmanager
def serving(folder: Path, isolation: str, shim: str = "python") -> Iterator[Gateway]:
    """A gateway of that isolation, with a run of ann's that goes on."""
    settings = {"NARTHEX_RUNNER_ISOLATION": isolation, "NARTHEX_RUNNER_SHIM": shim}
    with serving_gateway(folder / "data", **settings) as gateway:
        yield gateway


@pytest.fixture(scope="module", params=["sandbox", "users", "native sandbox", "native users"])
def walled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A gateway whose tasks are in sandboxes, and one where each account is a user of its own.

    Each with either shim.
    """
    enclosable()
    shim, _, isolation = request.param.rpartition(" ")
    if isolation == "users" and (missing := missing_for_users()):
        pytest.skip(missing)
    if shim:
        native_program()
    with serving(tmp_path_factory.mktemp("walled"), isolation, shim or "python") as gateway:
        yield gateway


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway whose tasks are kept apart by nothing."""
    with serving(tmp_path_factory.mktemp("bare"), "none") as gateway:
        yield gateway


def escaped(gateway: Gateway, way: str) -> dict[str, bool]:
    """Each attempt by its name, and whether it succeeded."""
    served, paths = gateway.served, DataPaths.of(gateway.data)
    with Caller(served) as caller:
        other = caller.execute("echo hers; sleep 300")
        live = paths.spool / "live"
        wait_until_sync(
            lambda: any((one / "output").exists() for one in live.iterdir()), "another to run"
        )
        victim = next(one for one in live.iterdir() if (one / "output").exists())
        known = {
            "AT_DATA": paths.data,
            "AT_RUNTIME": paths.runtime,
            "AT_OTHER": victim,
            "AT_GATEWAY": served.parts("gateway.app")[0],
            "AT_RUNNER": served.parts("gateway.runner")[0],
            "AT_ACCOUNTS": paths.directory,
            "AT_SUPERVISOR": served.process.pid,
        }
        code = PROGRAM.read_text()
        if way == "shell":
            words = " ".join(f"{name}='{value}'" for name, value in known.items())
            code = f"{words} python3 - <<'PROGRAM'\n{code}\nPROGRAM\n"
            body: dict[str, object] = {"executeApplicationName": "shell", "runType": "shell"}
        else:
            names = {name: str(value) for name, value in known.items()}
            code = f"import os\nos.environ.update({names!r})\n" + code.replace(
                "from __future__ import annotations\n", ""
            )
            session = "none" if way == "python" else "escapes"
            engine = "spark" if way == "spark" else "python"
            body = {
                "executeApplicationName": engine,
                "runType": "python",
                "params": {"configuration": {"runtime": {"session": session}}},
            }
        body["executionCode"] = code
        exec_id = str(caller.call("POST", "execute", json=body)["execID"])
        caller.finished(exec_id, SECONDS)
        lines = [str(line["text"]).split() for line in caller.lines(exec_id)]
        found = {words[0]: words[1] == "yes" for words in lines if len(words) == 2}
        assert len(found) >= 40, lines[-20:]
        written = {
            "write_into_the_data": paths.data,
            "write_into_another_run": victim,
            "write_into_etc": Path("/etc"),
            "write_into_usr": Path("/usr"),
            "write_into_the_root": Path("/"),
            "write_into_var": Path("/var/lib"),
            "write_among_the_sockets": paths.runtime,
        }
        for name, folder in written.items():
            # What was written in a sandbox may be on a disk that only that task had.
            assert name in found
            found[name] = (folder / LEFT).exists()
            (folder / LEFT).unlink(missing_ok=True)
        caller.call("GET", f"{other}/kill")
    return found


@pytest.mark.parametrize("way", WAYS)
def test_nothing_gets_out_of_a_sandbox(walled: Gateway, way: str) -> None:
    """Forty attempts and more, by every engine: none succeeds."""
    found = escaped(walled, way)
    assert not [name for name, done in found.items() if done]


@pytest.mark.storm
def test_sql_reads_and_writes_nothing_of_the_gateway(walled: Gateway, tmp_path: Path) -> None:
    """Files by path, tables at a place and whole folders: with the rights of the sandbox."""
    paths = DataPaths.of(walled.data)
    mark = f"{LEFT}-sql"
    read = {
        str(paths.token_key): "text",
        str(paths.secret): "binaryFile",
        f"file://{paths.directory}": "json",
        f"{paths.spool}/live/*/output": "text",
        "/etc/shadow": "text",
    }
    reads = [" ".join(("select * from", f"{kind}.`{path}`")) for path, kind in read.items()]
    writes = [
        f"insert overwrite directory '{folder}/{mark}' using csv select 1"
        for folder in (paths.data, tmp_path)
    ]
    with Caller(walled.served) as caller:
        for statement in (*reads, *writes):
            body = {
                "executeApplicationName": "spark",
                "runType": "sql",
                "executionCode": statement,
                "params": {"configuration": {"runtime": {"session": "sql"}}},
            }
            exec_id = str(caller.call("POST", "execute", json=body)["execID"])
            # What is written may come to a /tmp that only the session has.
            assert caller.finished(exec_id, SECONDS) == "Failed" or statement in writes, statement
        control = {**body, "executionCode": "select 1"}
        exec_id = str(caller.call("POST", "execute", json=control)["execID"])
        assert caller.finished(exec_id, SECONDS) == "Succeed"
    assert not (paths.data / mark).exists()
    assert not (tmp_path / mark).exists()


def test_without_walls_the_same_attempts_succeed(bare: Gateway) -> None:
    """They are real: what isolation.md says of the mode ``none`` is what they come to there."""
    found = escaped(bare, "python")
    assert {name for name, done in found.items() if done} >= ANYBODY
