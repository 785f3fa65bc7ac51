"""Pools in one line: what they mean and what they may not be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import GatewayError, Kind
from protocol.pool_description import MAX_LEAVES, leaves_of


def test_counters_go_on_through_the_pool() -> None:
    """The document's example: two nodes, four processors, eight cores."""
    leaves = leaves_of("/nodes=node{2}.x/cpu={2}/core={2}")
    assert [leaf["node"] for leaf in leaves] == ["node1.x"] * 4 + ["node2.x"] * 4
    assert [leaf["cpu"] for leaf in leaves] == ["1", "1", "2", "2", "3", "3", "4", "4"]
    assert [leaf["core"] for leaf in leaves] == list("12345678")
    assert [leaf["cpuset"] for leaf in leaves] == [0, 1, 2, 3, 0, 1, 2, 3]


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("/node=a,b", "node", ["a", "b"]),
        ("/network_address=host-[1-2,5].d", "node", ["host-1.d", "host-2.d", "host-5.d"]),
        ("/node=x[1-2],y", "node", ["x1", "x2", "y"]),
        ("/node=n{%3d2+40offset}", "node", ["n041", "n042"]),
        ("/node=n{2+9offset}", "node", ["n10", "n11"]),
        ("/node=n{2%2d}", "node", ["n01", "n02"]),
        ("/node = n{1} / gpu = a , b", "gpu", ["a", "b"]),
        ("/node=n{2}/mem=16", "mem", ["16", "16"]),
    ],
)
def test_how_values_are_written(text: str, name: str, expected: list[str]) -> None:
    """Lists, ranges, widths and offsets."""
    assert [leaf[name] for leaf in leaves_of(text)] == expected


def test_counters_may_be_ahead() -> None:
    """A pool is continued after what there is."""
    leaves = leaves_of("/node=n{1}/core={2}", {"core": 8})
    assert [leaf["core"] for leaf in leaves] == ["9", "10"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "node=a",
        "/node",
        "/node=",
        "/=a",
        "/node={}",
        "/node={0}",
        "/node={x}",
        "/node={2}{2}",
        "/node=[1",
        "/node=a[2-1]",
        "/node=a[x]",
        "/node=a,,b",
        "/node=a/node=b",
        "/cpuset={2}",
        "/a b={2}",
        "/" + "/".join(f"l{number}={{1}}" for number in range(9)),
    ],
)
def test_what_describes_no_pool_is_refused(text: str) -> None:
    """Bad syntax is invalid."""
    with pytest.raises(GatewayError) as refusal:
        leaves_of(text)
    assert refusal.value.kind is Kind.INVALID


def test_a_pool_that_is_too_large_is_refused_at_once() -> None:
    """The product of the counts is looked at before anything is made."""
    assert len(leaves_of("/node={100}/core={1000}")) == MAX_LEAVES
    for text in ("/node={101}/core={1000}", "/a={999999}/b={999999}/c={999999}", "x" * 5000):
        with pytest.raises(GatewayError) as refusal:
            leaves_of(text)
        assert refusal.value.kind is Kind.TOO_LARGE


@given(st.text(alphabet="/node={}[],-+%d12offset ", max_size=40))
def test_any_text_is_a_pool_or_refused(text: str) -> None:
    """Nothing but leaves or a refusal ever comes of it."""
    try:
        leaves = leaves_of(text)
    except GatewayError as error:
        kind = error.kind
    else:
        kind = Kind.INVALID
        assert 1 <= len(leaves) <= MAX_LEAVES
    assert kind in {Kind.INVALID, Kind.TOO_LARGE}
