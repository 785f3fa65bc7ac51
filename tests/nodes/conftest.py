"""Two nodes that all tests of a process share, with a client of each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.journeys.entrance import Caller
from tests.nodes.rig import Pair, pair


@pytest.fixture(scope="session")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both nodes; small windows, so that what is not short lies on a disk only."""
    folder = tmp_path_factory.mktemp("n")
    with pair(folder, NARTHEX_RETENTION_HOT_BYTES="4096", NARTHEX_SERVER_WORKERS="1") as running:
        yield running


@pytest.fixture
def at_a(nodes: Pair) -> Iterator[Caller]:
    """A client of node a."""
    with Caller(nodes["a"]) as caller:
        yield caller


@pytest.fixture
def at_b(nodes: Pair) -> Iterator[Caller]:
    """A client of node b."""
    with Caller(nodes["b"]) as caller:
        yield caller
