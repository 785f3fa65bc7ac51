"""Limits of a run as a user meets them: by setting, by request, in each engine, in the outcome."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engines import cgroups
from engines.shim.limit_groups import find
from gateway.client import Client, ClientError
from tests.support.gateway import Gateway, serving_gateway

MIB = 1 << 20
SETTING = 384 * MIB
HOG = f"x = bytearray({2 * SETTING})"
SMALL_HOG = f"{sys.executable} -c 'x = bytearray({160 * MIB})'"


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway whose tasks may have so much memory and so many processes."""
    if {"memory", "pids"} - find(cgroups.own_group()).keys():
        pytest.skip("there is no control group with memory and pids here")
    with serving_gateway(
        tmp_path_factory.mktemp("limited") / "data",
        NARTHEX_RUNNER_MEMORY_BYTES=str(SETTING),
        NARTHEX_RUNNER_PROCESSES="100",
    ) as gateway:
        yield gateway


def client(gateway: Gateway) -> Client:
    """Ann's."""
    return Client(gateway.url, gateway.token())


@pytest.mark.parametrize("session", ["none", "warm"])
def test_python_that_uses_too_much_is_told_why(limited: Gateway, session: str) -> None:
    """In a process of its own and in a session: the kernel is gone, and why is told."""
    with client(limited) as own:
        done = own.run(HOG, engine="python", session=session)
        assert done.status == "Failed"
        assert done.reason.startswith("killed for want of memory"), done.reason
        # The next statement has a new session, and nothing to do with that end.
        assert own.run("print(1)", engine="python", session=session).ok


def test_a_task_may_ask_for_less(limited: Gateway) -> None:
    """What fits the setting does not fit the request; and a request for more gives no more."""
    with client(limited) as own:
        assert own.run(SMALL_HOG).ok
        less = own.run(SMALL_HOG, conf={"limit.memory_bytes": "100M"})
        assert (less.status, less.exit_code) == ("Failed", 137)
        assert less.reason.startswith(f"killed for want of memory ({100 * MIB} bytes)")
        more = own.run(f"{sys.executable} -c '{HOG}'", conf={"limit.memory_bytes": "100G"})
        assert more.reason.startswith(f"killed for want of memory ({SETTING} bytes)")


def test_a_fork_bomb_stops_at_the_limit_and_is_told(limited: Gateway) -> None:
    """Another task goes on beside it."""
    bomb = "for i in $(seq 60); do sleep 20 & done; wait"
    with client(limited) as own:
        done = own.run(bomb, conf={"limit.processes": "20"}, timeout=5)
        assert done.status != "Succeed"
        assert own.run("echo $(seq 50 | xargs -P 20 -n 1 echo | wc -l)").stdout == "50\n"


@pytest.mark.storm
@pytest.mark.parametrize(
    "code",
    [
        f"x = bytearray({4 * SETTING})",
        f"x = [spark._jvm.java.nio.ByteBuffer.allocateDirect({64 * MIB}) for _ in range(40)]",
    ],
    ids=["driver", "JVM"],
)
def test_a_spark_session_that_uses_too_much_is_told_why(tmp_path: Path, code: str) -> None:
    """Whether it is the driver's Python that the kernel kills or its JVM."""
    config = tmp_path / "config.toml"
    config.write_text(
        "[engines.spark]\nmaster = 'local[1]'\ndriver_memory = '512m'\n"
        "conf = { 'spark.driver.extraJavaOptions' ="
        " '-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:MaxDirectMemorySize=8g' }\n"
        f"[runner]\nmemory_bytes = {4 * SETTING}\n"
    )
    with (
        serving_gateway(tmp_path / "data", "--config", str(config)) as gateway,
        client(gateway) as own,
    ):
        done = own.run(code, engine="spark", language="python")
        assert done.status == "Failed"
        assert done.reason.startswith("killed for want of memory"), done.reason
        assert own.run("select 1", engine="spark").ok


def test_what_is_no_limit_is_refused_at_the_submit(limited: Gateway) -> None:
    """A misspelt limit must never mean none."""
    with client(limited) as own, pytest.raises(ClientError, match="there is no limit 'memory'"):
        own.run("true", conf={"limit.memory": "100M"})


def test_a_statement_has_its_sessions_limits(limited: Gateway) -> None:
    """Limits of its own would be those of other statements as well."""
    with client(limited) as own:
        done = own.run("1", engine="python", session="warm", conf={"limit.processes": "5"})
    assert done.status == "Failed"
    assert "has its session's limits" in done.reason
