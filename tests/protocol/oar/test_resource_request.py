"""Resource requests, filters and durations (sections 7.2 and 7.3 of the wire contract)."""

from __future__ import annotations

import pytest

from protocol.dialects.oar.faults import OarError
from protocol.dialects.oar.resource_request import (
    duration,
    duration_text,
    filter_of,
    read_request,
)
from protocol.resources import ALL, BEST, BEST_HALF


@pytest.mark.parametrize(
    ("text", "levels", "seconds"),
    [
        ("/nodes=2/cpu=1", [(("node", 2), ("cpu", 1))], 7200),
        ("nodes=1,walltime=00:10:0", [(("node", 1),)], 600),
        ("core=4", [(("core", 4),)], 7200),
        ("/nodes=2/core=ALL", [(("node", 2), ("core", ALL))], 7200),
        (" / nodes = 2 / cpu = BEST , walltime = 1 ", [(("node", 2), ("cpu", BEST))], 3600),
        ("/resource_id=BESTHALF", [(("id", BEST_HALF),)], 7200),
        (
            "{network_address='node1'}/cpu=1+{network_address='node2'}/core=1,walltime=1",
            [(("cpu", 1),), (("core", 1),)],
            3600,
        ),
        ("{mem > 3}", [(("id", 1),)], 7200),
        ("{a = ',+}' AND b = 2}/core=1", [(("core", 1),)], 7200),
        ("walltime=2", [(("id", 1),)], 7200),
    ],
)
def test_a_request_is_read(text: str, levels: list[object], seconds: int) -> None:
    """Section 7.2: groups, levels, counts and the walltime, with blanks and without a slash."""
    asked = read_request(text)
    assert [pick.levels for pick in asked.shape.groups] == levels
    assert asked.shape.seconds == seconds


def test_a_filter_speaks_of_what_the_core_calls_otherwise() -> None:
    """Section 7.2: ``network_address`` is the node; texts in the filter stay as they are."""
    asked = read_request("{network_address = 'network_address'}/core=1")
    assert asked.shape.groups[0].filter.holds({"node": "network_address"})


@pytest.mark.parametrize(
    "text",
    [
        "nodes",
        "/nodes=",
        "/nodes=0",
        "/nodes=-1",
        "/nodes=2/",
        "/nodes=2//core=1",
        "/nodes=FEW",
        "/nodes=1/nodes=2",
        "/nodes=1,walltime=",
        "/nodes=1,walltime=a",
        "/nodes=1,walltime=1:2:3:4",
        "/nodes=1,core=2",
        "/nodes=1,walltime=1,walltime=2",
        "{core=1/nodes=1",
        "core=1}/nodes=1",
        "{core=}/nodes=1",
        "{'}/nodes=1",
        "/state=1",
        "/besteffort=1",
        "x" * 5000,
        "(" * 4000,
    ],
)
def test_what_is_no_request_is_refused(text: str) -> None:
    """Section 7.2: 400 with the title Bad query, whatever is in it."""
    with pytest.raises(OarError) as refusal:
        read_request(text)
    assert (refusal.value.status, refusal.value.title) == (400, "Bad query")


@pytest.mark.parametrize(
    ("text", "seconds"), [("2", 7200), ("0:20", 1200), ("0:0:5", 5), ("00:10:0", 600)]
)
def test_durations(text: str, seconds: int) -> None:
    """Section 7.2: hours first; printed without padding."""
    assert duration(text) == seconds
    assert duration(duration_text(seconds)) == seconds
    assert duration_text(7200) == "2:0:0"


def test_a_filter_of_constants_is_decided_at_once() -> None:
    """Section 7.3: what is the same of all resources narrows nothing, or leaves nothing."""
    assert filter_of("type = 'default' AND drain='NO'").text == ""
    with pytest.raises(OarError, match="not enough resources"):
        filter_of("deploy = 'YES'")
    with pytest.raises(OarError, match="filter of its own"):
        filter_of("deploy = 'NO' AND core = 1")
    with pytest.raises(OarError, match="position"):
        filter_of("core = ")
