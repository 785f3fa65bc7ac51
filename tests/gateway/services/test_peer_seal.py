"""Only a node with the key is believed, and each request once."""

from __future__ import annotations

from gateway.auth.tokens import Tokens
from gateway.services.peer_seal import PeerSeal, body_digest
from gateway.stores.redis_client import RedisClient

BODY = body_digest(b"what is asked")


def seal(own: str, link: RedisClient, key: bytes = b"0123456789abcdef" * 2) -> PeerSeal:
    """The seals of a node."""
    return PeerSeal(own, Tokens(key, 100), link)


async def test_a_request_is_good_once_and_for_one_node(link: RedisClient) -> None:
    """Neither for another node nor of another one, not with other words, and not twice."""
    a, b = seal("a", link), seal("b", link)
    word = await a.word("b")
    made = a.request("a", "b", word, BODY)
    assert b.good(made, "a", word, BODY)
    assert not b.good(made, "a", word, body_digest(b"what is asked!"))
    assert not b.good(made, "c", word, BODY)
    assert not b.good(made, "a", "0" * 32, BODY)
    assert not seal("c", link).good(made, "a", word, BODY)
    assert not seal("b", link, b"fedcba9876543210" * 2).good(made, "a", word, BODY)
    assert not b.good("", "a", word, BODY)
    assert not b.good("é", "a", word, BODY)
    assert await b.spent("a", word)
    assert not await b.spent("a", word)


async def test_a_word_that_nobody_left_is_worth_nothing(link: RedisClient) -> None:
    """Nor one that was left for another node, nor anything that is none."""
    a, b = seal("a", link), seal("b", link)
    for word in ("", "0" * 32, "*", "0" * 31 + ":", await a.word("c")):
        assert not await b.spent("a", word)
    assert not await b.spent("c", await a.word("b"))


def test_a_piece_is_bound_to_its_request_and_place(link: RedisClient) -> None:
    """None can be left out, moved or taken from another answer."""
    one = seal("a", link)
    seals = {
        one.piece(word, number, data)
        for word in ("1" * 32, "2" * 32)
        for number in (0, 1)
        for data in (b"x", b"y")
    }
    assert len(seals) == 8
