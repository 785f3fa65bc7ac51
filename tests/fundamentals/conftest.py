"""A running gateway and an HTTP client that is logged in: all that these tests need."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.served import Served, serving

API = "/api/rest_j/v1/entrance"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """``narthex serve`` on a free port of loopback, with a data folder of its own."""
    with serving(tmp_path_factory.mktemp("fundamentals") / "data") as served:
        yield served


@pytest.fixture
def http(gateway: Served) -> Iterator[httpx.Client]:
    """Speaks to the entrance routes with a token of the administrator."""
    with httpx.Client(base_url=gateway.url + API, headers=gateway.headers, timeout=40) as client:
        yield client


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder, for scripts that leave a trace."""
    return tmp_path
