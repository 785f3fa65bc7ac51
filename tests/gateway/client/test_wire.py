"""What both clients say over HTTP."""

from dataclasses import replace

import httpx

from gateway.client import calls, wire


def test_a_token_and_a_body_have_their_headers() -> None:
    """Nothing is said that is not so."""
    nothing = calls.status("1")
    assert wire.headers("", nothing) == {}
    assert wire.headers("t", nothing) == {"Authorization": "Bearer t"}
    assert wire.headers("", replace(nothing, body=b"{}")) == {"Content-Type": "application/json"}


def test_a_short_deadline_is_the_connections_too() -> None:
    """Nobody waits longer for a connection than for the answer."""
    assert wire.timeouts(1.5).connect == 1.5
    assert wire.timeouts(60.0).connect == 10.0


def test_only_seconds_are_taken_from_retry_after() -> None:
    """A date, or nothing, is no time to wait."""
    asked = httpx.Request("GET", "http://x")
    shown = [
        wire.reply(httpx.Response(429, headers=headers, request=asked), b"").retry_after
        for headers in ({"Retry-After": "3"}, {"Retry-After": "Sun, 29 Nov 2026"}, {})
    ]
    assert shown == [3.0, 0.0, 0.0]


def test_a_failure_is_one_line_with_the_address() -> None:
    """Also one that has no words."""
    assert "http://x: one" in str(wire.failed("http://x", OSError("one\ntwo")))
    assert "two" not in str(wire.failed("http://x", OSError("one\ntwo")))
    assert "OSError" in str(wire.failed("http://x", OSError()))
