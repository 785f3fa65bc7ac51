"""The two structures of answers: simple arrays, or hashes by id as OAR's own commands print them.

OAR document, *Formats and data structure types*.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from protocol.dialects.oar.faults import OarError
from protocol.dialects.oar.formats import query_of
from protocol.errors import Kind
from protocol.http import Request
from protocol.media import JsonObject

__all__ = ["Structure", "keyed", "structure_of"]


class Structure(StrEnum):
    """How collections are told."""

    SIMPLE = "simple"
    OAR = "oar"


def structure_of(request: Request) -> Structure:
    """The structure that a request asks for.

    Raises:
        OarError: 406 for one that there is not.
    """
    name = query_of(request).get("structure", Structure.SIMPLE)
    try:
        return Structure(name)
    except ValueError as error:
        raise OarError(
            Kind.UNSUPPORTED,
            f"Unknown {name[:60]} format",
            "Valid structures are simple and oar",
        ) from error


def keyed(collection: JsonObject, ids: Sequence[int], structure: Structure) -> JsonObject:
    """A collection with its items as a hash by id, if the structure wants that."""
    items = collection["items"]
    if structure is Structure.SIMPLE or not isinstance(items, list):
        return collection
    named = {str(id_): item for id_, item in zip(ids, items, strict=True)}
    return {**collection, "items": named}
