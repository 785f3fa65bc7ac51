"""Slurm's short ways to write down the machines of a job, and how much of each it has.

    r[1-2]n[01-03,7],x     names: all in brackets in all combinations, in the order of writing
    4(x2),1                of the first two machines four processors each, of the third one

What cannot be read is left as it is: a wrong name of a machine is told and harms nobody.
"""

from __future__ import annotations

import re
from itertools import islice

__all__ = ["machines", "per_machine"]

_MOST = 10_000
_RANGE = re.compile(r"([0-9]{1,9})-([0-9]{1,9})", re.ASCII)
_BRACKETS = re.compile(r"\[([0-9,-]*)\]", re.ASCII)
_COMMA = re.compile(r",(?![^\[]*\])")
_COUNT = re.compile(r"([0-9]{1,9})(?:\(x([0-9]{1,9})\))?", re.ASCII)


def machines(text: str) -> tuple[str, ...]:
    """The names of the machines, at most ten thousand."""
    found: list[str] = []
    for part in _COMMA.split(text.strip()):
        found += _expanded(part) if part else ()
        if len(found) >= _MOST:
            break
    return tuple(found[:_MOST])


def per_machine(text: str, count: int) -> tuple[int, ...]:
    """So many numbers, one for each of ``count`` machines; one for those of which it says none."""
    found: list[int] = []
    for part in text.split(","):
        if match := _COUNT.fullmatch(part.strip()):
            found += [int(match[1])] * min(int(match[2] or 1), count)
    return tuple((found + [1] * count)[:count])


def _expanded(text: str) -> list[str]:
    """The names that one word with brackets stands for."""
    found = _BRACKETS.search(text)
    if found is None:
        return [text]
    before, after = text[: found.start()], _expanded(text[found.end() :])
    names = (f"{before}{number}{rest}" for number in _numbers(found[1]) for rest in after)
    return list(islice(names, _MOST))


def _numbers(text: str) -> list[str]:
    """The numbers of a bracket, as wide as they are written."""
    numbers: list[str] = []
    for part in text.split(","):
        if match := _RANGE.fullmatch(part):
            first, last = int(match[1]), min(int(match[2]), int(match[1]) + _MOST)
            numbers += [f"{one:0{len(match[1])}}" for one in range(first, last + 1)]
        else:
            numbers.append(part)
    return numbers
