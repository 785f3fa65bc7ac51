"""Where a gateway is."""

import pytest

from gateway.client.address import Address
from gateway.client.errors import ClientError


@pytest.mark.parametrize(
    ("server", "http", "socket", "local"),
    [
        ("localhost:9001", "http://localhost:9001", "ws://localhost:9001", True),
        ("http://127.0.0.1:9001/", "http://127.0.0.1:9001", "ws://127.0.0.1:9001", True),
        ("https://example.org", "https://example.org", "wss://example.org", False),
        ("https://example.org/a/b/", "https://example.org/a/b", "wss://example.org/a/b", False),
        ("http://[::1]:80", "http://[::1]:80", "ws://[::1]:80", True),
        ("ws://10.0.0.1:1", "http://10.0.0.1:1", "ws://10.0.0.1:1", False),
    ],
)
def test_addresses(server: str, http: str, socket: str, *, local: bool) -> None:
    """One URL from a person gives the one for requests and the one of the websocket."""
    found = Address.parse(server)
    assert (found.http, found.local) == (http, local)
    assert found.socket == f"{socket}/ws/api/entrance/connect?resume=false"


@pytest.mark.parametrize(
    "server", ["", "ftp://x", "http://", "x:y", "http://[::1", "http://x?q=1", "http://x#f"]
)
def test_no_addresses(server: str) -> None:
    """What is no address is refused by name."""
    with pytest.raises(ClientError, match="not the address"):
        Address.parse(server)
