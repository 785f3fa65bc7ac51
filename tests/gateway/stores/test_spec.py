"""Specs as bytes."""

from __future__ import annotations

from dataclasses import fields, replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.stores.spec import TaskSpec, decode_spec, encode_spec, taken_over
from protocol.commands.tasks import Execute
from protocol.errors import GatewayError, Kind
from protocol.expressions import Expr
from protocol.resources import Ports, Wants, slots
from protocol.tasks import FileInput, TaskId, TaskState, Warn
from tests.support.specs import make_spec

_TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
_NUMBERS = st.integers(-(2**63), 2**64 - 1)
_VALUES = st.recursive(
    st.none() | st.booleans() | _NUMBERS | st.floats(allow_nan=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(
    client=st.dictionaries(_TEXT, _VALUES, max_size=4),
    environment=st.dictionaries(_TEXT, _TEXT, max_size=3),
    code=_TEXT,
    inputs=st.lists(st.builds(FileInput, _TEXT, st.booleans(), _TEXT, _TEXT), max_size=3),
)
def test_a_spec_comes_back_as_it_was(
    client: dict[str, object],
    environment: dict[str, str],
    code: str,
    inputs: list[FileInput],
) -> None:
    """Reading what was written gives the same spec."""
    spec = TaskSpec(
        TaskId("id"),
        1,
        "ann",
        "shell",
        "sh",
        code,
        5,
        client=client,
        environment=environment,
        inputs=tuple(inputs),
    )
    assert decode_spec(encode_spec(spec)) == spec


def test_what_a_task_asks_of_the_pool_comes_back_as_it_was() -> None:
    """Wants, dependencies and warnings are kept; a spec of before there were any has none."""
    spec = replace(
        make_spec(),
        wants=Wants((slots(2, 60.0, Expr("core > 1")),), "vc", ports={"http": Ports(2)}),
        after=(TaskId("a"), TaskId("b")),
        warn=Warn(12, 30.0),
        start_at_ms=5,
        hold=True,
    )
    assert decode_spec(encode_spec(spec)) == spec
    old = msgspec.msgpack.decode(encode_spec(make_spec()))
    for name in ("wants", "hold", "start_at_ms", "after", "warn", "home", "shared"):
        del old[name]
    again = decode_spec(msgspec.msgpack.encode(old))
    assert (again.wants, again.hold, again.after, again.warn) == (None, False, (), None)


def test_everything_of_a_submission_is_in_its_spec() -> None:
    """But what its expiry follows from and what only its digest needs."""
    asked = {one.name for one in fields(Execute)}
    assert asked - set(taken_over(make_spec())) == {"fingerprint", "life_seconds"}


def test_a_condition_nobody_can_read_is_an_internal_error() -> None:
    """A damaged condition makes a damaged spec, not another meaning."""
    data = encode_spec(replace(make_spec(), wants=Wants((slots(2, 60.0, Expr("core > 1")),))))
    with pytest.raises(GatewayError) as caught:
        decode_spec(data.replace(b"core > 1", b"core > >"))
    assert caught.value.kind is Kind.INTERNAL


@pytest.mark.parametrize("value", [2**80, "\ud800", object()])
def test_what_cannot_be_kept_exactly_is_refused(value: object) -> None:
    """A value that would come back different is invalid, not changed."""
    with pytest.raises(GatewayError) as caught:
        encode_spec(make_spec(client={"a": value}))
    assert caught.value.kind is Kind.INVALID


@pytest.mark.parametrize("data", [b"", b"\x93", b"{}", encode_spec(make_spec())[:-3]])
def test_damaged_bytes_are_an_internal_error(data: bytes) -> None:
    """A spec that nobody can read is told from one that is not there."""
    with pytest.raises(GatewayError) as caught:
        decode_spec(data)
    assert caught.value.kind is Kind.INTERNAL


def test_a_fresh_task_says_what_its_spec_says() -> None:
    """The task of a spec is queued, in its first version, with the spec's words."""
    spec = make_spec(name="one", dialect="linkis", client={"a": 1})
    task = spec.task()
    assert (task.state, task.version) == (TaskState.QUEUED, 1)
    assert (task.id, task.number, task.name, task.client) == (
        spec.task_id,
        spec.number,
        "one",
        {"a": 1},
    )
