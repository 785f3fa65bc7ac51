"""Spark's own servers on loopback: a standalone master with workers, and a Connect server.

They are small and end with their tests.
"""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from engines.spark.java import find_java, java_home
from tests.support.waiting import wait_until_sync

__all__ = ["LEAN", "Cluster", "cluster", "connect_server"]

LEAN = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
_MASTER = "org.apache.spark.deploy.master.Master"
_WORKER = "org.apache.spark.deploy.worker.Worker"
_CONNECT = "org.apache.spark.sql.connect.service.SparkConnectServer"
_SUBMIT = "org.apache.spark.deploy.SparkSubmit"
_LOG = """\
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %p %c{1}: %m%n%ex
"""
_SECONDS = 60.0


class Cluster:
    """A standalone master and its workers, each with one core.

    Args:
        folder: where all of them write.
        stack: what ends them.
    """

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self.workers: list[subprocess.Popen[bytes]] = []
        stack.enter_context(
            _spark(folder, "master", _MASTER, "--host", "127.0.0.1", "--port", "0", *_NO_PAGE)
        )
        self.url = _said(folder, "master", r"Starting Spark master at (spark://\S+)")

    def start_workers(self, count: int) -> None:
        """Starts workers and waits until the master knows them."""
        known = self._registered()
        for _ in range(count):
            name = f"worker{len(self.workers)}"
            words = ("--host", "127.0.0.1", "-c", "1", "-m", "512m", *_NO_PAGE)
            place = ("-d", str(self._folder / name))
            made = _spark(self._folder, name, _WORKER, *words, *place, self.url)
            self.workers.append(self._stack.enter_context(made))
        wait_until_sync(
            lambda: self._registered() == known + count, "the workers to register", _SECONDS
        )

    def _registered(self) -> int:
        return (self._folder / "master.log").read_text().count("Registering worker ")


_NO_PAGE = ("--webui-port", "0")


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """A master with two workers."""
    with ExitStack() as stack:
        made = Cluster(folder, stack)
        made.start_workers(2)
        yield made


@contextmanager
def connect_server(folder: Path) -> Iterator[str]:
    """A Spark Connect server with two cores; its URL."""
    conf = {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": "0",
        "spark.driver.extraJavaOptions": LEAN,
        "spark.sql.shuffle.partitions": "4",
        "spark.ui.enabled": "false",
    }
    words = ["--class", _CONNECT, "--master", "local[2]"]
    for name, value in conf.items():
        words += ["--conf", f"{name}={value}"]
    words.append("spark-internal")
    with _spark(folder, "connect", _SUBMIT, *words, memory="512m"):
        port = _said(folder, "connect", r"SparkConnectService' on port (\d+)")
        yield f"sc://127.0.0.1:{port}"


@contextmanager
def _spark(
    folder: Path, name: str, *words: str, memory: str = "256m"
) -> Iterator[subprocess.Popen[bytes]]:
    """One of Spark's programs, killed with all that it started at the end of the block."""
    found, java = importlib.util.find_spec("pyspark"), find_java()
    assert found is not None
    assert found.origin is not None
    assert java is not None
    (folder / "conf").mkdir(exist_ok=True)
    (folder / "conf" / "log4j2.properties").write_text(_LOG)
    environment = {
        "PATH": os.environ["PATH"],
        "JAVA_HOME": java_home(java, folder),
        "SPARK_CONF_DIR": str(folder / "conf"),
        "SPARK_DAEMON_JAVA_OPTS": LEAN,
        "SPARK_DAEMON_MEMORY": memory,
        "SPARK_LOCAL_DIRS": str(folder / "local"),
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [str(Path(found.origin).parent / "bin" / "spark-class"), *words],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _said(folder: Path, name: str, pattern: str) -> str:
    """What a program's log says, once it does."""
    found: list[str] = []

    def said() -> bool:
        match = re.search(pattern, (folder / f"{name}.log").read_text())
        found.extend(match.groups() if match else ())
        return bool(match)

    wait_until_sync(said, f"the {name} of Spark to start", _SECONDS)
    return found[0]
