"""The scripts that run inside Redis: their text, and the arguments that each takes by name.

A script says in its head what it takes, as in ``-- ARGV   id, epoch (-1: no runner), blocks...``.
From there the script has its names and a call the order of its values, so that the two cannot
disagree; a call that lacks one, or has one too many, is an error before Redis is asked.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from gateway.stores import keys
from gateway.stores.pipelined_connection import Value

__all__ = ["Script", "script"]

_INCLUDE = re.compile(r"^-- include (\w+)$", re.MULTILINE)
_TAKES = re.compile(r"^-- ARGV +(.*\n(?:--  .*\n)*)", re.MULTILINE)
_REMARK = re.compile(r"\([^()]*\)|\n--")
_NAME = re.compile(r"[a-z][a-z_]*(\.\.\.)?", re.ASCII)
_REST = "..."
_KEYS = "-- include keys"


@dataclass(frozen=True, slots=True)
class Script:
    """A script with its parts in place.

    ``names`` are its arguments in order; ``rest`` is the name for any number of further ones, empty
    if it takes none. ``digest`` is what Redis knows the text by. ``families`` are those whose
    prefixes it is handed as its keys, none if it says nothing of them.
    """

    name: str
    text: str
    digest: str
    names: tuple[str, ...]
    rest: str
    families: tuple[keys.Family, ...] = ()

    def arguments(self, named: Mapping[str, Value], rest: Sequence[Value]) -> list[Value]:
        """The values of a call in the script's order.

        Raises:
            TypeError: they are not those that the script takes.
        """
        try:
            found = [named[name] for name in self.names]
        except KeyError as error:
            raise TypeError(f"script {self.name} is called without {error}") from None
        if len(found) != len(named) or (rest and not self.rest):
            raise TypeError(f"script {self.name} is called with more than it takes")
        return [*found, *rest]

    def words(
        self, names: Sequence[str], named: Mapping[str, Value], rest: Sequence[Value] = ()
    ) -> list[Value]:
        """What follows the script in a call: its keys by their number, and its arguments."""
        return [len(names), *names, *self.arguments(named, rest)]


@cache
def script(name: str) -> Script:
    """The script of that name, from ``scripts/<name>.lua``.

    A line ``-- include part`` stands for the file of that name in ``scripts/parts``. In place of
    ``-- include keys`` stand the names of those families in ``keys`` that it names, and of
    ``-- include arguments`` a local for each argument; of ``blocks...`` it is ``blocks_at``, the
    place in ARGV where those begin.
    """
    folder = resources.files("gateway.stores") / "scripts"
    source = (folder / f"{name}.lua").read_text("utf-8")
    names, rest = _taken(name, source)

    def part(part_name: str) -> str:
        if part_name == "keys":
            return _KEYS  # which they are is known when all parts are in place
        if part_name == "arguments":
            return _locals(names, rest)
        return (folder / "parts" / f"{part_name}.lua").read_text("utf-8").rstrip()

    text = _INCLUDE.sub(lambda found: part(found[1]), source)
    families: tuple[keys.Family, ...] = ()
    if _KEYS in text:
        families = keys.families_in(text)
        text = text.replace(_KEYS, keys.lua_names(families))
    digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    return Script(name, text, digest, names, rest, families)


def _taken(name: str, source: str) -> tuple[tuple[str, ...], str]:
    """The names in the head of a script, without what is said about them in brackets."""
    head = _TAKES.search(source)
    if head is None:
        return (), ""
    found = [one.strip() for one in _REMARK.sub(" ", head[1]).split(",")]
    if not all(map(_NAME.fullmatch, found)) or _REST in "".join(found[:-1]):
        raise ValueError(f"the head of script {name} does not say what it takes: {found}")
    if found[-1].endswith(_REST):
        return tuple(found[:-1]), found[-1].removesuffix(_REST)
    return tuple(found), ""


def _locals(names: Sequence[str], rest: str) -> str:
    lines = [f"local {name} = ARGV[{at}]" for at, name in enumerate(names, 1)]
    if rest:
        lines.append(f"local {rest}_at = {len(names) + 1}")
    return "\n".join(lines)
