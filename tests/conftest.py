"""What every test may ask for."""

from __future__ import annotations

import functools
import os
import sys

import pytest
from httpx import create_ssl_context
from httpx._transports import default as transports
from hypothesis import settings

from engines.rundir.spread import spread_below
from engines.shim.native import build

pytest_plugins = [
    "tests.support.redis_server",
    "tests.support.slurm_cluster",
    "tests.support.traffic_check",
    "tests.support.workers",
]

# Images of containers often forbid it: then each of the many processes of the tests compiles all
# that it imports, which is half of what the start of a gateway takes.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# What an example takes says more about the machine than about us.
settings.register_profile("narthex", deadline=None)
settings.load_profile("narthex")

# Each of the thousands of clients that tests make would read the machine's 140 certificates again,
# which takes longer than most requests.
vars(transports)["create_ssl_context"] = functools.cache(create_ssl_context)


def pytest_sessionstart() -> None:
    """Builds the native shim of these sources: with a stale one gateways would take the other."""
    if build.compiler() and build.find() is None:
        build.build()


def pytest_sessionfinish() -> None:
    """Leaves no run behind that waits for ever for a test that failed."""
    if served := sys.modules.get("tests.support.served"):
        served.end_runs()


@pytest.fixture(scope="session", autouse=True)
def _spread(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests remove very many files, after which ext4 is slow where all of them lay together."""
    spread_below(tmp_path_factory.getbasetemp())
