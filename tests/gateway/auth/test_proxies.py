"""Forwarding headers count from named proxies only, and from the right."""

import pytest

from gateway.auth.proxies import Forwarded, Proxies
from gateway.caller import counted_as
from protocol.errors import GatewayError, Kind

PROXIES = Proxies(["10.0.0.0/8", "127.0.0.1", "fd00::/8"])


def client(peer: str, *chain: str, proto: str = "", host: str = "") -> Forwarded:
    """Who is behind a peer with these headers."""
    headers = {"host": ("gw.example",), "x-forwarded-for": chain}
    if proto:
        headers["x-forwarded-proto"] = (proto,)
    if host:
        headers["x-forwarded-host"] = (host,)
    return PROXIES.client(peer, headers)


@pytest.mark.parametrize(
    ("peer", "chain", "address"),
    [
        ("192.0.2.7", ["203.0.113.9"], "192.0.2.7"),
        ("10.1.2.3", [], "10.1.2.3"),
        ("10.1.2.3", ["203.0.113.9"], "203.0.113.9"),
        ("10.1.2.3", ["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
        ("10.1.2.3", ["198.51.100.1", "203.0.113.9, 10.9.9.9"], "203.0.113.9"),
        ("10.1.2.3", ["10.4.4.4, 10.5.5.5"], "10.4.4.4"),
        ("::ffff:10.1.2.3", ["203.0.113.9"], "203.0.113.9"),
        ("fd00::1", ["[2001:db8::5]:443"], "2001:db8::5"),
        ("127.0.0.1", ["203.0.113.9:5000"], "203.0.113.9"),
    ],
)
def test_the_rightmost_address_that_is_no_proxy(peer: str, chain: list[str], address: str) -> None:
    """Row D8: what a client says of itself stands to the left and is not believed."""
    assert client(peer, *chain).address == address


def test_scheme_and_host_come_from_proxies_only() -> None:
    """Others' words about them are ignored, and the nearest proxy's win over what it was sent."""
    found = client("10.0.0.1", "203.0.113.9", proto="http, https", host="evil, Notes.example")
    assert (found.secure, found.hosts) == (True, ("Notes.example",))
    found = client("192.0.2.1", "203.0.113.9", proto="https", host="evil")
    assert (found.secure, found.hosts) == (False, ("gw.example",))
    assert client("10.0.0.1").hosts == ("gw.example",)


@pytest.mark.parametrize(
    ("chain", "proto"), [(["unknown"], ""), (["203.0.113.9"], "gopher"), (["1.2.3.4.5"], "")]
)
def test_nonsense_from_a_proxy_is_refused(chain: list[str], proto: str) -> None:
    """Whoever cannot be told is nobody in particular: the request is refused."""
    with pytest.raises(GatewayError) as error:
        client("10.0.0.1", *chain, proto=proto)
    assert error.value.kind is Kind.INVALID


def test_addresses_are_counted_by_what_one_client_has() -> None:
    """An IPv4 address, or the network of an IPv6 one."""
    assert counted_as("192.0.2.7") == "192.0.2.7"
    assert counted_as("2001:db8:1:2:3::4") == counted_as("2001:db8:1:2::9") == "2001:db8:1:2::/64"
    assert counted_as("::ffff:192.0.2.7") == "192.0.2.7"
    assert counted_as("") == ""
