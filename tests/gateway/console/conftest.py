"""One browser and one gateway for all journeys of a module."""

from collections.abc import Iterator

import pytest

from tests.gateway.console.driver import Console
from tests.support.browser import browsing
from tests.support.gateway import Gateway


@pytest.fixture(scope="module")
def console(gateway: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A window on the console of the gateway that all tests share."""
    with browsing(tmp_path_factory.mktemp("profile")) as page:
        yield Console(page, gateway.url)
