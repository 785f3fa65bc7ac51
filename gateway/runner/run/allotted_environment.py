"""What a run is told of what it was given: variables, and two lists in its run directory."""

from __future__ import annotations

from pathlib import Path

from engines.rundir.directory import RunDir
from gateway.runner.run.placeholders import port_variable
from gateway.stores.allotment import Allotment
from protocol.resources import LEAF_ID, NODE, Leaf

__all__ = ["allotted_environment"]

NODE_LIST = "nodes"
LEAF_LIST = "leaves"


def allotted_environment(run: RunDir, allotment: Allotment) -> dict[str, str]:
    """The variables; makes the lists that they name. Blocks; raises OSError.

    ``NARTHEX_NODE_FILE`` names a file with the machine of each leaf, a line for each;
    ``NARTHEX_LEAF_FILE`` one with the properties of each leaf, as ``name = 'value'``.
    """
    nodes, leaves = Path(run.file(NODE_LIST)), Path(run.file(LEAF_LIST))
    nodes.write_text("".join(f"{leaf.properties.get(NODE, '')}\n" for leaf in allotment.leaves))
    leaves.write_text("".join(f"{_line(leaf)}\n" for leaf in allotment.leaves))
    reported = {
        "NARTHEX_QUEUE": allotment.queue,
        "NARTHEX_LEAVES": ",".join(str(leaf.id) for leaf in allotment.leaves),
        "NARTHEX_NODE_FILE": str(nodes),
        "NARTHEX_LEAF_FILE": str(leaves),
    }
    if allotment.memory_mb:
        reported["NARTHEX_MEMORY_MB"] = str(allotment.memory_mb)
    for label, ports in allotment.ports.items():
        reported[port_variable(label)] = ",".join(map(str, ports))
    return reported


def _line(leaf: Leaf) -> str:
    properties = {LEAF_ID: leaf.id, **leaf.properties}
    return ", ".join(f"{name} = {_quoted(value)}" for name, value in sorted(properties.items()))


def _quoted(value: str | int) -> str:
    text = str(value).replace("\n", " ").replace("'", "''")
    return f"'{text}'"
