"""Which node carries each verb out is decided for each, and stands in ``elsewhere.txt``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec.structs import replace

from gateway.plugins import load_services
from gateway.services.catalog import commands_of, join
from gateway.services.elsewhere import Elsewhere
from gateway.services.peer_seal import PeerSeal
from gateway.services.peers import Peers
from gateway.services.service import Verb
from tests.support.parts import Core

GOLDEN = Path(__file__).with_name("elsewhere.txt")
_WORDS = {
    "_on_task": "the node of the task",
    "_anywhere": "here, or whichever node has it",
    "_submission": "the node of the request id, or of the inputs",
    "_group": "the node of the name or request id",
    "_groups": "all nodes",
    "_all_of_all": "all nodes",
    "_history": "here; code from the node of each task",
    "_of_accounts": "the node that keeps the accounts",
    "_revocation": "where it is listed; all of a user: the node that keeps the accounts",
}


def spelled(before: Verb[Any, Any], after: Verb[Any, Any]) -> str:
    """A row as it stands in the golden file."""
    way = "here"
    if after.do is not before.do:
        way = _WORDS[after.do.__qualname__.split(".")[1]]
    return f"{before.command.__name__:16} {way}"


async def test_where_each_verb_is_carried_out(core: Core) -> None:
    """As in the golden file: a new verb that needs a disk must not be forgotten."""
    parts = core.parts
    kinds = load_services(parts.config)
    table = join(
        map(parts.get, kinds), commands_of(kind.__module__.partition(".")[0] for kind in kinds)
    )
    issuer = parts.credentials.issuer
    peers = Peers(PeerSeal("b", issuer, parts.stores.redis), 1.0)
    node = replace(parts.config.node, name="b", accounts="a")
    parts.config = replace(parts.config, node=node)
    rows = Elsewhere.of(parts, peers).rows(table)
    assert set(rows) == set(table)
    found = sorted(spelled(table[kind], rows[kind]) for kind in table)
    assert found == GOLDEN.read_text().splitlines()
