"""A served gateway with three users, and credentials for them."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from gateway.auth.tokens import Tokens, load_key
from gateway.data_paths import DataPaths
from gateway.ids import new_token_id
from gateway.stores.directory import Directory
from protocol.accounts import Role, Scope, TokenFacts, TokenKind
from tests.support.served import Served, serving

__all__ = ["PASSWORD", "Gateway", "gateway", "own_gateway", "serving_gateway"]

PASSWORD = "correct horse battery"  # noqa: S105 - of users of a test
_YEAR = 31_536_000


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running gateway; ``admin``, ``ann`` and ``bob`` have accounts."""

    served: Served

    @property
    def url(self) -> str:
        """Where it is."""
        return self.served.url

    @property
    def socket_url(self) -> str:
        """Where its websockets are opened."""
        return self.served.socket_url

    @property
    def data(self) -> Path:
        """Its data folder."""
        return self.served.data

    @property
    def key(self) -> bytes:
        """What its tokens are signed with."""
        return load_key(DataPaths.of(self.data).token_key)

    def token(self, user: str = "ann", seconds: int = 600) -> str:
        """A good token for a user."""
        now = int(time.time() * 1000)
        return Tokens(self.key, _YEAR).issue(user, Role.USER, now, seconds).token

    def application(self, user: str, scope: Scope, seconds: int = 600) -> dict[str, str]:
        """What authenticates a program of a user that may so much."""
        now = int(time.time())
        ends = (now + seconds, now + seconds)
        facts = TokenFacts(new_token_id(), now, *ends, TokenKind.APPLICATION, scope=scope)
        ticket = Tokens(self.key, _YEAR).sign(user, Role.USER, facts)
        return {"Authorization": f"Bearer {ticket.token}"}

    def headers(self, user: str = "ann") -> dict[str, str]:
        """What authenticates a user's requests."""
        return {"Authorization": f"Bearer {self.token(user)}"}

    def client(self, user: str = "ann") -> httpx.Client:
        """An HTTP client that is logged in as a user; as nobody if the name is empty."""
        headers = self.headers(user) if user else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)


@contextlib.contextmanager
def serving_gateway(data: Path, *options: str, **environment: str) -> Iterator[Gateway]:
    """Starts a gateway over a data folder and gives it two more users."""
    with serving(data, *options, **environment) as served:
        asyncio.run(_add_users(data))
        yield Gateway(served)


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway for tests that do not hurt it."""
    with serving_gateway(tmp_path_factory.mktemp("gateway") / "data") as found:
        yield found


@pytest.fixture
def own_gateway(tmp_path: Path) -> Iterator[Gateway]:
    """A gateway of one test alone."""
    with serving_gateway(tmp_path / "data") as found:
        yield found


async def _add_users(data: Path) -> None:
    directory = Directory.of(DataPaths.of(data))
    for name in ("ann", "bob"):
        await directory.add(name, PASSWORD, int(time.time() * 1000))
