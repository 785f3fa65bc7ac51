"""Errors of the core as OpenPAI says them: every kind has a reply."""

import base64
import json

import pytest

from protocol.dialects.openpai.refusal import refuse
from protocol.errors import GatewayError, Kind
from protocol.http import Request
from protocol.media import decode_json, decode_object

NOW = 1_700_000_000_000
GUEST = "Guest is not allowed to do this operation."


def token(**claims: object) -> str:
    """A token that says this, without a proof."""
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{body}.c2ln"


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_a_reply(kind: Kind) -> None:
    """Contract 0.4: code and message; 500 for faults of the gateway alone."""
    reply = refuse(GatewayError(kind, "something is wrong"), Request("GET", "/api/v1/x"))

    assert isinstance(reply.body, bytes)
    assert set(decode_object(reply.body)) == {"code", "message"}
    assert (reply.status == 500) is (kind is Kind.INTERNAL)


@pytest.mark.parametrize(
    ("credential", "message"),
    [
        ("", GUEST),
        ("Bearer", GUEST),
        ("Bearer x", GUEST),
        ("Bearer a.b.c", GUEST),
        ("Bearer a.b.c.d", GUEST),
        (f"Basic {token(exp=1)}", GUEST),
        (f"Bearer {token()}", GUEST),
        (f"Bearer {token(exp='1')}", GUEST),
        (f"Bearer {token(exp=1, pad='x' * 9000)}", GUEST),
        (f"Bearer {token(exp=NOW // 1000)}", "Your token is expired."),
        (f"bearer {token(exp=NOW // 1000 + 1)}", "Your token is invalid."),
    ],
)
def test_why_a_request_has_no_user(credential: str, message: str) -> None:
    """Contract 0.4: three sentences; what is no token is a guest."""
    request = Request("GET", "/api/v2/user", headers={"authorization": credential}, now_ms=NOW)

    reply = refuse(GatewayError(Kind.UNAUTHENTICATED, "not believed"), request)

    assert isinstance(reply.body, bytes)
    assert decode_json(reply.body) == {"code": "UnauthorizedUserError", "message": message}
    assert reply.status == 401
