"""Groups on disk: accepted once, stated once, and whole after any crash."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from gateway.stores.groups import (
    AttemptFact,
    EndFact,
    GroupSpec,
    GroupStore,
    KillFact,
    MemberSpec,
    TryFact,
)
from protocol.errors import GatewayError, Kind
from protocol.groups import Cause, GroupId, GroupState, GroupVerdict, MemberKey, Policy
from protocol.tasks import TaskId
from tests.faults.syscalls import crash, points, strace
from tests.support.specs import LATER_MS, NOW_MS, make_spec, task_id_at

CHILD = Path(__file__).parents[2] / "children" / "accept_group.py"


def made(**changes: object) -> GroupSpec:
    """A group of one member."""
    spec = GroupSpec(
        GroupId(task_id_at()),
        "ann",
        "job",
        NOW_MS,
        LATER_MS,
        Policy(),
        (MemberSpec(MemberKey("w", 0), make_spec()),),
        request_id="r",
        body_hash="h",
    )
    return replace(spec, **changes)  # type: ignore[arg-type] # named by the callers


def test_what_is_stated_is_there_and_stays(tmp_path: Path) -> None:
    """The first statement counts."""
    store = GroupStore(tmp_path)
    spec = store.accept(made())
    attempt = AttemptFact(1, NOW_MS, (TaskId("a"),), ({"http": (80,)},))
    assert store.begin(spec.id, attempt)
    assert not store.begin(spec.id, replace(attempt, at_ms=1))
    verdict = GroupVerdict(GroupState.FAILED, MemberKey("w", 0), again=True, at_ms=5)
    assert store.judge(spec.id, 1, verdict)
    assert not store.judge(spec.id, 1, GroupVerdict(GroupState.SUCCEEDED))
    assert store.kill(spec.id, KillFact(7, "ann"))
    assert store.end(spec.id, EndFact(GroupState.KILLED, 9))
    assert not store.end(spec.id, EndFact(GroupState.FAILED, 9))
    facts = GroupStore(tmp_path).facts(spec.id)
    assert facts is not None
    assert (facts.spec, facts.attempts, facts.verdicts) == (spec, (attempt,), {1: verdict})
    assert (facts.kill, facts.end) == (KillFact(7, "ann"), EndFact(GroupState.KILLED, 9))


def test_the_tries_of_a_member_are_told_in_order(tmp_path: Path) -> None:
    """Its task is that of the last try; those of other members and attempts stay."""
    store = GroupStore(tmp_path)
    spec = store.accept(made())
    attempts = [AttemptFact(one, NOW_MS, (TaskId(f"a{one}"),), ({},)) for one in (1, 2)]
    for attempt in attempts:
        store.begin(spec.id, attempt)
    tries = [
        TryFact(1, 0, number, NOW_MS, TaskId(f"try {number}"), Cause.ORDINARY)
        for number in (11, 2, 3)
    ]
    for one in tries:
        assert store.retry(spec.id, one)
        assert not store.retry(spec.id, replace(one, cause=Cause.PLATFORM))
    facts = GroupStore(tmp_path).facts(spec.id)
    assert facts is not None
    assert [one.number for one in facts.again(1, 0)] == [2, 3, 11]
    assert [facts.tasks(one) for one in attempts] == [("try 11",), ("a2",)]


def test_a_name_and_a_request_are_free_again_when_the_group_is_gone(tmp_path: Path) -> None:
    """And not before."""
    store = GroupStore(tmp_path)
    first = store.accept(made())
    assert store.accept(made()).id == first.id
    with pytest.raises(GatewayError) as refusal:
        store.accept(made(request_id="other"))
    assert refusal.value.kind is Kind.CONFLICT
    with pytest.raises(GatewayError, match="another request"):
        store.accept(made(body_hash="other"))
    assert store.find("ann", "", "job") == first.id
    store.remove(first.id)
    assert (store.ids(), store.find("ann", "", "job")) == ([], None)
    second = store.accept(made())
    assert store.ids() == [second.id]


def test_names_of_a_space_are_everybodys(tmp_path: Path) -> None:
    """Without one, each owner has names of their own."""
    store = GroupStore(tmp_path)
    store.accept(made(request_id="1"))
    store.accept(made(request_id="2", owner="bob"))
    store.accept(made(request_id="3", space="jobs"))
    with pytest.raises(GatewayError):
        store.accept(made(request_id="4", owner="bob", space="jobs"))
    assert len(store.ids()) == 3


def test_of_many_who_accept_the_same_one_does(tmp_path: Path) -> None:
    """All get the same group."""
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: GroupStore(tmp_path).accept(made()).id, range(24)))
    assert len(set(found)) == 1
    assert GroupStore(tmp_path).ids() == [found[0]]


def test_what_nobody_can_read_is_told(tmp_path: Path) -> None:
    """A damaged fact is not taken for a missing one."""
    store = GroupStore(tmp_path)
    spec = store.accept(made())
    (tmp_path / "all" / spec.id / "end").write_bytes(b"\x00")
    with pytest.raises(GatewayError) as refusal:
        store.facts(spec.id)
    assert refusal.value.kind is Kind.INTERNAL
    assert store.facts(GroupId("../../etc")) is None
    assert store.facts(GroupId(task_id_at())) is None


@pytest.mark.timeout(300)
def test_a_crash_leaves_a_whole_group_or_none(tmp_path: Path) -> None:
    """At whatever system call: a repetition makes it, once, with its name."""
    strace()
    file = tmp_path / "spec"
    spec = made()
    file.write_bytes(msgspec.msgpack.encode(spec))
    root = tmp_path / "recorded"
    found = points([sys.executable, str(CHILD), str(file), str(root)], tmp_path / "record")
    changes = {"link", "linkat", "rename", "mkdir", "fsync", "unlink", "write", "openat"}
    chosen = [point for point in found if point.name in changes]
    assert len(chosen) > 8
    for point in chosen[:: max(len(chosen) // 10, 1)]:
        root = tmp_path / f"at-{point.place}"
        crash([sys.executable, str(CHILD), str(file), str(root)], point)
        store = GroupStore(root)
        store.tidy()
        again = store.accept(replace(spec, id=GroupId(task_id_at())))
        assert store.ids() == [again.id], point
        assert store.find("ann", "", "job") == again.id, point
        assert list((root / "new").iterdir()) == [], point
