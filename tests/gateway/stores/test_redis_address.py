"""What an address of Redis says, and what it does not get away with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from redis.asyncio.connection import parse_url

from gateway.stores.redis_address import read_address

ADDRESSES = [
    "unix:///run/s",
    "unix:///run/a%20b%3f",
    "unix://ann:p%40ss@/run/s?db=3",
    "unix://:word@/run/s",
    "unix:///run/s?username=ann&password=p%2520",
    "redis://",
    "redis://there",
    "redis://there:7000/2",
    "redis://there:7000/2?db=5",
    "redis://there/words",
    "redis://[::1]:7000",
    "redis://ann@there",
    "redis://ann:word@there/0",
    "rediss://ann:word@there:7001/4?ssl_cert_reqs=none",
]


@pytest.mark.parametrize("url", ADDRESSES)
def test_it_is_read_as_redis_py_reads_it(url: str) -> None:
    """The same place, the same user and the same database."""
    expected, found = parse_url(url), read_address(url)
    path = expected.get("path", "")
    assert found.path == path
    if not path:
        assert found.host == expected.get("host", "localhost")
        assert found.port == expected.get("port", 6379)
    asked = [expected[name] for name in ("username", "password") if name in expected]
    greeting: list[tuple[str | int, ...]] = [("AUTH", *asked)] if "password" in expected else []
    if expected.get("db"):
        greeting.append(("SELECT", expected["db"]))
    assert list(found.greeting) == greeting
    assert (found.secure is not None) == url.startswith("rediss:")


@pytest.mark.parametrize(
    "url", ["http://there", "there:7000", "redis://there:words", "redis://there?db=words"]
)
def test_what_is_none_is_refused(url: str) -> None:
    """Another scheme, or a word for a number."""
    with pytest.raises(ValueError, match=r"."):
        read_address(url)


def test_any_name_of_a_socket() -> None:
    """A path may be any bytes that a path may have."""
    path = os.fsdecode(b"/run/\xff %41?#@:\n")
    assert read_address(f"unix://ann:word@{quote(os.fsencode(path))}").path == path


def test_a_gateway_with_a_redis_of_its_own_does_without_redis_py() -> None:
    """It is large, and brings half of OpenTelemetry where that is installed."""
    code = (
        "import sys, gateway.app, gateway.runner.main, gateway.supervisor.main;"
        "from gateway.stores.redis_address import read_address;"
        "read_address('unix://ann:word@/run/s');"
        "print({'redis', 'opentelemetry', 'psutil'} & set(sys.modules))"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert done.stdout == "set()\n"
