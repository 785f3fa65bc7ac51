"""Each request id has one home among the nodes."""

from __future__ import annotations

import asyncio
from pathlib import Path

from gateway.stores import keys
from gateway.stores.redis_client import RedisClient
from gateway.stores.replies import integer
from gateway.stores.request_claims import RequestClaims, claim_name
from gateway.stores.request_homes import RequestHomes


async def test_all_are_led_to_the_first_one_that_asked(link: RedisClient) -> None:
    """However many ask at once; each user's ids are their own, and it ends by itself."""
    homes = RequestHomes(link, 100)
    found = await asyncio.gather(*(homes.of("ann", "r", "ab"[at % 2]) for at in range(50)))
    assert len(set(found)) == 1
    assert await homes.of("bob", "r", "c") == "c"
    assert await homes.of("ann", "s", "d") == "d"
    key = keys.REQUEST.key(claim_name("ann", "r"))
    assert 0 < integer(await link.call("PTTL", key)) <= 100_000
    await homes.move("ann", "r", "z")
    assert await homes.of("ann", "r", "a") == "z"


async def test_what_is_on_a_disk_is_said_again(link: RedisClient, tmp_path: Path) -> None:
    """Unless another node has it by then."""
    claims = RequestClaims(tmp_path)
    assert RequestClaims(tmp_path / "none").names() == []
    for request in range(1200):
        claims.path("ann", str(request)).touch()
    (tmp_path / "other").touch()
    assert len(claims.names()) == 1200
    of_b = RequestHomes(link, 100)
    assert await of_b.of("ann", "7", "b") == "b"
    link.space = "a"
    await RequestHomes(link, 100).restore(claims.names())
    assert await of_b.of("ann", "1199", "b") == "a"
    assert await of_b.of("ann", "7", "a") == "b"
