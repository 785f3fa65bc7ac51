"""A genuine collector of OpenTelemetry between those who send spans and the receiver of a test.

It is Rotel, of the Python package index: it understands both encodings of OTLP over HTTP and hands
on, by OTLP, what it understood. It is fetched when it is first wanted, since it has builds for some
systems only.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.absent import missing
from tests.support.collector import Collector
from tests.support.ports import free_port
from tests.support.vscode_extension import alone
from tests.support.waiting import wait_until_sync

__all__ = ["handing_on"]

_PACKAGE = "rotel==0.0.1a15"


@contextlib.contextmanager
def handing_on(config: pytest.Config, collector: Collector, folder: Path) -> Iterator[str]:
    """Runs it for the length of the block; the URL at which it takes spans."""
    program = _fetched(config)
    address, behind = f"127.0.0.1:{free_port()}", collector.url.removesuffix("/v1/traces")
    words = {
        "otlp-http-endpoint": address,
        "otlp-grpc-endpoint": f"127.0.0.1:{free_port()}",
        "exporter": "otlp",
        "otlp-exporter-protocol": "http",
        "otlp-exporter-endpoint": behind,
        "otlp-exporter-compression": "none",
        "pid-file": str(folder / "rotel.pid"),
    }
    options = [word for name, value in words.items() for word in (f"--{name}", value)]
    with (folder / "rotel.log").open("wb") as log, contextlib.ExitStack() as stack:
        process = subprocess.Popen([program, "start", *options], stdout=log, stderr=log)
        stack.callback(process.wait, 30)
        stack.callback(process.terminate)
        wait_until_sync(lambda: _listens(address), "the collector to listen")
        yield f"http://{address}/v1/traces"


def _listens(address: str) -> bool:
    host, _, port = address.partition(":")
    with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 1):
        return True
    return False


def _fetched(config: pytest.Config) -> Path:
    """Its program, which is kept in the cache of pytest; skips, but not in CI, without one."""
    assert config.cache is not None
    folder = config.cache.mkdir(_PACKAGE)
    program = folder / "rotel" / "rotel-agent"
    words = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--only-binary",
        ":all:",
    ]
    with alone(folder):
        if not program.is_file():
            done = subprocess.run(
                [*words, "--target", str(folder), _PACKAGE],
                capture_output=True,
                text=True,
                timeout=100,
                check=False,
            )
            if done.returncode:
                missing(f"{_PACKAGE} cannot be installed: {done.stderr.strip()[-300:]}")
    return program
