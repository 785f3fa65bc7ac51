"""Who stands behind a proxy: forwarding headers, believed from the named proxies only.

Pure. ``X-Forwarded-For`` is read from the right: each proxy adds whom it saw, and the first
address from there that is no trusted proxy is the client. Whatever stands to the left of it was
said by the client itself and counts for nothing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from protocol.errors import GatewayError, Kind

__all__ = ["Forwarded", "Proxies"]

_Network: TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"
_Address: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"
_MOST_HOPS = 32


@dataclass(frozen=True, slots=True)
class Forwarded:
    """The client as it is after all proxies: ``hosts`` are the values of Host that count."""

    address: str
    secure: bool
    hosts: tuple[str, ...]


class Proxies:
    """The proxies in front of this gateway, as addresses or networks such as ``10.0.0.0/8``.

    ValueError for a text that is neither.
    """

    def __init__(self, trusted: Sequence[str]) -> None:
        self._networks: tuple[_Network, ...] = tuple(
            ipaddress.ip_network(text, strict=False) for text in trusted
        )

    def trusts(self, address: str) -> bool:
        """Whether an address is that of a named proxy."""
        return bool(self._networks) and self._named(_parsed(address))

    def client(self, peer: str, headers: Mapping[str, tuple[str, ...]]) -> Forwarded:
        """Who asks, over what, for which host; by lower-case name all values of a header, in order.

        Raises:
            GatewayError: INVALID if a trusted proxy says what cannot be.
        """
        hosts = headers.get("host", ())
        if not self.trusts(peer):
            return Forwarded(peer, secure=False, hosts=hosts)
        scheme = _last(headers.get("x-forwarded-proto", ())).lower()
        if scheme not in {"", "http", "https"}:
            raise _unfit("X-Forwarded-Proto")
        named = _last(headers.get("x-forwarded-host", ()))
        return Forwarded(
            self._address(peer, headers.get("x-forwarded-for", ())),
            secure=scheme == "https",
            hosts=(named,) if named else hosts,
        )

    def _address(self, peer: str, values: Sequence[str]) -> str:
        """The rightmost address that is no trusted proxy; of only proxies the leftmost."""
        hops = [part.strip() for value in values for part in value.split(",") if part.strip()]
        found = peer
        for hop in reversed(hops[-_MOST_HOPS:]):
            address = _parsed(_without_port(hop))
            if address is None:
                raise _unfit("X-Forwarded-For")
            found = str(address)
            if not self._named(address):
                break
        return found

    def _named(self, address: _Address | None) -> bool:
        return address is not None and any(
            address.version == network.version and address in network for network in self._networks
        )


def _parsed(text: str) -> _Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def _without_port(hop: str) -> str:
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    host, colon, _ = hop.partition(":")
    return host if colon and hop.count(":") == 1 else hop


def _last(values: Sequence[str]) -> str:
    """The value that the nearest proxy gave."""
    return values[-1].rpartition(",")[2].strip() if values else ""


def _unfit(name: str) -> GatewayError:
    return GatewayError(Kind.INVALID, f"the proxy sent no valid {name}", field=name)
