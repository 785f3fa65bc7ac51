"""Requests as a transport hands them in, for the tests of this dialect."""

from __future__ import annotations

from urllib.parse import urlsplit

from protocol.dialects.oar.formats import located
from protocol.http import Request

__all__ = ["request"]

NOW_MS = 1_795_299_557_000


def request(
    target: str, method: str = "GET", body: bytes = b"", *, user: str = "ann", **headers: str
) -> Request:
    """A request for a target such as ``/oarapi/jobs.yaml?limit=2``."""
    path, suffix = located(urlsplit(target).path)
    return Request(
        method,
        path,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        body=body,
        now_ms=NOW_MS,
        user=user,
        base="http://localhost:8000",
        target=target,
        suffix=suffix,
    )
