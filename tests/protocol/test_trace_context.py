"""Trace context as W3C recommends it: what is well-formed, and that nothing else counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.trace_context import TraceContext, derived_id, read_trace

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GOOD = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(
    ("parent", "found"),
    [
        (GOOD, TraceContext(TRACE, SPAN)),
        (f"  {GOOD}\t", TraceContext(TRACE, SPAN)),
        (f"00-{TRACE}-{SPAN}-00", TraceContext(TRACE, SPAN, 0)),
        (f"00-{TRACE}-{SPAN}-03", TraceContext(TRACE, SPAN, 3)),
        (f"00-{TRACE}-{SPAN}-ff", TraceContext(TRACE, SPAN, 3)),
        (f"cc-{TRACE}-{SPAN}-01", TraceContext(TRACE, SPAN)),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-holds", TraceContext(TRACE, SPAN)),
    ],
)
def test_what_is_well_formed(parent: str, found: TraceContext) -> None:
    """The first version to the letter; of later ones what they have in common with it."""
    assert read_trace(parent) == found


@pytest.mark.parametrize(
    "parent",
    [
        "",
        "x",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01-",
        f"cc-{TRACE}-{SPAN}-01.more",
        f"ff-{TRACE}-{SPAN}-01",
        f"0-{TRACE}-{SPAN}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN.upper()}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}\u0660-{SPAN}-01",
        f"00_{TRACE}_{SPAN}_01",
        f"{GOOD},{GOOD}",
        f"{GOOD}\n",
        f"cc-{TRACE}-{SPAN}-01-" + "x" * 1000,
    ],
)
def test_what_is_malformed_is_none(parent: str) -> None:
    """And no error."""
    assert read_trace(parent, "a=1") is None


@pytest.mark.parametrize(
    ("state", "kept"),
    [
        ("a=1", "a=1"),
        ("a=1, b=x y ,\t,tenant-1@vendor=z", "a=1,b=x y,tenant-1@vendor=z"),
        ("a=1,a=2", ""),
        ("A=1", ""),
        ("a", ""),
        ("a=", ""),
        ("a=1=2", ""),
        ("a=b\u00e9", ""),
        ("1@vendor=1", "1@vendor=1"),
        ("1a=1", ""),
        (",".join(f"k{n}=1" for n in range(32)), ",".join(f"k{n}=1" for n in range(32))),
        (",".join(f"k{n}=1" for n in range(33)), ""),
        ("a=" + "x" * 256, "a=" + "x" * 256),
        ("a=" + "x" * 257, ""),
        (",".join(f"k{n}={'x' * 100}" for n in range(6)), ""),
    ],
)
def test_a_malformed_state_is_left_out(state: str, kept: str) -> None:
    """The trace goes on without it."""
    assert read_trace(GOOD, state) == TraceContext(TRACE, SPAN, 1, kept)


@given(st.text(), st.text())
def test_nothing_raises(parent: str, state: str) -> None:
    """Whatever is sent."""
    found = read_trace(parent, state)
    assert found is None or read_trace(found.traceparent, found.state) == found


def test_below_a_span() -> None:
    """The value that goes on, and an id that is the same for whoever makes it again."""
    span = derived_id("task", "run")
    below = TraceContext(TRACE, SPAN, 0, "a=1").below(span)
    assert below.traceparent == f"00-{TRACE}-{span}-00"
    assert not below.sampled
    assert read_trace(below.traceparent, below.state) == below
    assert span == derived_id("task", "run") != derived_id("taskr", "un")
