"""New resources: what is posted and what a description stands for (sections 9 and 10)."""

from __future__ import annotations

import pytest

from protocol.commands.resources import LeafReport, PoolReport
from protocol.dialects.oar import OarDialect
from protocol.dialects.oar.faults import OarError
from protocol.dialects.oar.new_resources import generated, properties_of
from protocol.errors import GatewayError, Kind
from protocol.media import JsonObject, JsonValue
from protocol.resources import Leaf
from protocol.tasks import TaskId
from tests.protocol.oar.asked import request

POOL = PoolReport(
    (LeafReport(Leaf(1, properties={"node": "node7", "cpu": "3", "core": 12}), TaskId("")),), 0, 0
)


def test_counters_go_on_through_the_whole_pool() -> None:
    """Section 10: counters are texts and global, cpuset counts on each node."""
    found = generated(
        {"resources": "/nodes=node{2}.x/cpu={2}/core={2}", "properties": {"mem": 4}}, POOL
    )
    assert [one["core"] for one in found] == [str(at) for at in range(1, 9)]
    assert [one["cpuset"] for one in found] == [0, 1, 2, 3] * 2
    assert found[-1] == {
        "network_address": "node2.x",
        "cpu": "4",
        "core": "8",
        "cpuset": 3,
        "mem": "4",
    }


def test_counters_may_begin_after_the_pool() -> None:
    """Section 10: ``auto_offset`` looks at the largest value of each level."""
    (found,) = generated({"resources": "/node=node{1}/core={1}", "auto_offset": 1}, POOL)
    assert (found["network_address"], found["core"]) == ("node8", "13")


@pytest.mark.parametrize(
    "data",
    [
        {"resources": 5},
        {"resources": "nodes"},
        {"resources": "/nodes=a{2}", "properties": "a"},
        {"resources": "/nodes=a{2}", "properties": 3},
        {"resources": "/nodes=a{2}", "properties": {str(at): at for at in range(99)}},
        {"resources": "/nodes=a{2}", "properties": {"a": "x" * 5000}},
        {"resources": "/nodes=a{999999}/core={999999}"},
    ],
)
def test_descriptions_that_are_refused(data: JsonObject) -> None:
    """Sections 10 and 16: bad syntax, and what would be too much."""
    with pytest.raises(GatewayError) as refusal:
        generated(data, POOL)
    assert refusal.value.kind in {Kind.INVALID, Kind.TOO_LARGE}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"hostname": "a"}, [{"node": "a"}]),
        (
            {"network_address": "a", "properties": {"mem": 1, "cpu": 2}, "cpu": 3},
            [{"node": "a", "mem": 1, "cpu": 3}],
        ),
        (
            [{"hostname": "a"}, {"hostname": "b", "besteffort": "YES"}],
            [{"node": "a"}, {"node": "b"}],
        ),
        ({"yaml_array": "- {hostname: a, core: 1}"}, [{"node": "a", "core": 1}]),
    ],
)
def test_properties_are_flat_or_nested(data: JsonValue, expected: object) -> None:
    """Section 9: one or several, flat ones win, a form sends YAML in one field."""
    assert list(properties_of(data, {"mem"})) == expected


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ([], 400),
        ("x", 400),
        ({"core": 1}, 400),
        ({"hostname": ""}, 400),
        ({"hostname": "a", "colour": 1}, 400),
        ({"hostname": "a", "mem": [1]}, 400),
        ({"hostname": "a", "properties": []}, 400),
        ({"hostname": "a", "state": "Alive"}, 403),
        ({"hostname": "a", "properties": {"resource_id": 4}}, 403),
    ],
)
def test_resources_that_are_refused(data: JsonValue, status: int) -> None:
    """Section 9: 403 for what the system sets, 400 for all else."""
    with pytest.raises(OarError) as refusal:
        properties_of(data, {"mem"})
    assert refusal.value.status == status


def test_below_a_prefix_even_the_prefix_is_refused_well() -> None:
    """Section 3: whatever the path is."""
    dialect = OarDialect({"mount": "/x"})
    error = GatewayError(Kind.NOT_FOUND, "nothing is there")
    for path in ("/x", "/x/", "/", "/x/oarapi"):
        assert dialect.refuse(error, request(path)).status == 404
