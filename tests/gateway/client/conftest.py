"""A real gateway, shared by the tests that do not hurt it."""

from collections.abc import Iterator

import pytest

from tests.support.served import Served, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway of this module."""
    with serving(tmp_path_factory.mktemp("served") / "data") as gateway:
        yield gateway
