"""Words in the variables of a task that are known only when it is started: ``${narthex.task}``."""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["filled", "port_variable"]

_TOKEN = re.compile(r"\$\{narthex\.([A-Za-z0-9._~-]{1,200})\}")
_LATE = ("host.", "ports.")
_ODD = re.compile(r"[^A-Za-z0-9_]")


def filled(
    values: Mapping[str, str], words: Mapping[str, str], *, late: bool = False
) -> dict[str, str]:
    """The values with their words filled in, empty for one that is not known.

    With ``late`` those of machines and ports stay as they are.
    """

    def word(found: re.Match[str]) -> str:
        return found[0] if late and found[1].startswith(_LATE) else words.get(found[1], "")

    return {name: _TOKEN.sub(word, value) for name, value in values.items()}


def port_variable(label: str) -> str:
    """The variable with the ports of a label."""
    return f"NARTHEX_PORTS_{_ODD.sub('_', label)}"
