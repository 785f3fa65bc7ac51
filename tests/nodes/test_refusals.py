"""That a node cannot be reached is said in the form of each dialect, with a status of its own."""

from __future__ import annotations

import pytest

from gateway.config import load
from gateway.plugins import Mount, load_dialects
from gateway.services.peers import away, refusal_of, said_refusal
from protocol.errors import GatewayError, Kind
from protocol.http import Request

MOUNTS = load_dialects(load(None, {}), "127.0.0.1:9001")


@pytest.mark.parametrize("mount", MOUNTS, ids=lambda mount: mount.dialect.name)
def test_each_dialect_tells_it_from_a_gateway_that_is_not_ready(mount: Mount) -> None:
    """504 and the time to come again; any other trouble of the store stays 503."""
    request = Request("GET", "/")
    reply = mount.dialect.refuse(away("a"), request)
    assert reply.status == 504
    assert isinstance(reply.body, bytes)
    assert b"node a, which has this, cannot be reached" in reply.body
    other = GatewayError(Kind.UNAVAILABLE, "the store does not answer", retry_after=1.0)
    assert mount.dialect.refuse(other, request).status == 503


def test_a_refusal_comes_as_it_went() -> None:
    """With all that a dialect may look at."""
    said = GatewayError(Kind.CONFLICT, "no", field="x", subject=away("a").subject, retry_after=2)
    found = refusal_of(said_refusal(said))
    assert (found.kind, found.message, found.field) == (said.kind, said.message, said.field)
    assert (found.subject, found.retry_after) == (said.subject, said.retry_after)
