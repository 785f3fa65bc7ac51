"""The bounds of what may be asked of the pool."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from gateway.services.wants import check_placed, check_start, check_wants
from protocol.commands.tasks import Execute
from protocol.errors import GatewayError, Kind
from protocol.expressions import Expr
from protocol.resources import (
    ALL,
    BEST,
    BEST_HALF,
    Pick,
    Ports,
    Queue,
    QueueStatus,
    Shape,
    Wants,
    slots,
)
from protocol.tasks import ByNumber, Warn

EXECUTE = Execute("shell", "sh", "true", "test")


@pytest.mark.parametrize(
    "wants",
    [
        Wants(),
        Wants((slots(1_000_000),) * 16, "a.b-c_9", 1 << 40, {"~.-": Ports(256)}, -1_000_000),
        Wants((Shape((Pick(Expr("a = 1"), (("node", ALL), ("cpu", BEST), ("c", BEST_HALF))),)),)),
        Wants(ports={"exact": Ports(1, 65_535)}),
    ],
)
def test_what_a_pool_can_understand_passes(wants: Wants) -> None:
    """Each bound is within reach."""
    check_wants(wants)


@pytest.mark.parametrize(
    ("wants", "field"),
    [
        (Wants((slots(1),) * 17), "wants"),
        (Wants((Shape(()),)), "wants"),
        (Wants((Shape((Pick(),) * 17),)), "wants"),
        (Wants((Shape((Pick(levels=()),)),)), "wants"),
        (Wants((Shape((Pick(levels=(("a", 1), ("a", 1))),)),)), "wants"),
        (Wants((Shape((Pick(levels=(("a b", 1),)),)),)), "wants"),
        (Wants((slots(0),)), "wants"),
        (Wants((slots(-4),)), "wants"),
        (Wants((slots(1_000_001),)), "wants"),
        (Wants((slots(1, math.nan),)), "wants"),
        (Wants((slots(1, -1.0),)), "wants"),
        (Wants(queue=""), "queue"),
        (Wants(queue="a\nb"), "queue"),
        (Wants(memory_mb=-1), "memory_mb"),
        (Wants(priority=1_000_001), "priority"),
        (Wants(ports={"": Ports()}), "ports"),
        (Wants(ports={"a": Ports(0)}), "ports.a"),
        (Wants(ports={"a": Ports(2, 65_535)}), "ports.a"),
        (Wants(ports={"a": Ports(200), "b": Ports(57)}), "ports"),
    ],
)
def test_what_no_pool_can_understand_is_refused(wants: Wants, field: str) -> None:
    """A refusal names the field."""
    with pytest.raises(GatewayError) as refusal:
        check_wants(wants)
    assert refusal.value.kind in {Kind.INVALID, Kind.TOO_LARGE}
    assert refusal.value.field == field


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"start_at_ms": -1}, "start_at_ms"),
        ({"start_at_ms": 1 << 60}, "start_at_ms"),
        ({"after": tuple(map(ByNumber, range(101)))}, "after"),
        ({"warn": Warn(0, 1.0)}, "warn"),
        ({"warn": Warn(12, math.inf)}, "warn"),
    ],
)
def test_a_start_that_cannot_be_meant_is_refused(changes: dict[str, object], field: str) -> None:
    """Times, dependencies and warnings have bounds too."""
    check_start(EXECUTE)
    with pytest.raises(GatewayError) as refusal:
        check_start(replace(EXECUTE, **changes))  # type: ignore[arg-type]  # named by the table
    assert refusal.value.field == field


@pytest.mark.parametrize(
    ("wants", "kind"),
    [
        (Wants(queue="nowhere"), Kind.INVALID),
        (Wants(queue="shut"), Kind.CONFLICT),
        (Wants((slots(1, filter_=Expr("a = 1")),), "far"), Kind.INVALID),
    ],
)
def test_what_no_place_can_be_asked_for_is_refused(wants: Wants, kind: Kind) -> None:
    """A queue whose tasks run on a cluster has no leaves; how many nodes there are is not asked."""
    queues = {"far": Queue("far"), "shut": Queue("shut", status=QueueStatus.STOPPED)}
    check_placed(Wants((slots(1_000),), "far"), queues)
    with pytest.raises(GatewayError) as refusal:
        check_placed(wants, queues)
    assert refusal.value.kind is kind
