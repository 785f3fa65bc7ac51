"""One served gateway for the journeys that do not hurt it."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.journeys.entrance import Caller
from tests.journeys.openpai import Pai
from tests.support.served import Served, serving


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway that several journeys share."""
    room = {"NARTHEX_SESSIONS_PER_USER": "24"}
    with serving(tmp_path_factory.mktemp("served") / "data", **room) as gateway:
        yield gateway


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Served]:
    """A gateway of one test alone, which may kill what it likes of it."""
    with serving(tmp_path / "data") as gateway:
        yield gateway


@pytest.fixture
def caller(served: Served) -> Iterator[Caller]:
    """Polls the shared gateway."""
    with Caller(served) as polling:
        yield polling


@pytest.fixture
def own_caller(own: Served) -> Iterator[Caller]:
    """Polls the test's own gateway."""
    with Caller(own) as polling:
        yield polling


@pytest.fixture(scope="module")
def admin(served: Served) -> Iterator[Pai]:
    """The administrator of the shared gateway, as a client of OpenPAI."""
    client = Pai(served, served.token)
    yield client
    client.http.close()


@pytest.fixture(scope="module")
def guest(served: Served) -> Iterator[Pai]:
    """Who has no token, as a client of OpenPAI."""
    client = Pai(served)
    yield client
    client.http.close()


@pytest.fixture
def oar(served: Served) -> Iterator[httpx.Client]:
    """The administrator of the shared gateway, as a client of OAR that sends and reads JSON."""
    with httpx.Client(
        base_url=f"{served.url}/oarapi",
        headers={**served.headers, "Accept": "application/json"},
        timeout=30,
    ) as client:
        yield client
