"""The bash script of a task: its commands one after another, as long as each succeeds.

Each item stands on lines of its own between braces, so that comments and here-documents in it keep
their meaning. As in the original a failing line inside an item does not stop the item, while a
failing item stops the list; the exit code is that of the list.
"""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote

__all__ = ["script"]


def script(
    commands: Sequence[str], notice: str = "", *, environment: str = "", code: str = ""
) -> str:
    """The text for bash. ``notice`` is told on stderr first; it must be one line.

    ``environment`` is a folder whose programs come first, ``code`` one that is copied into the
    working directory, under its own name, before anything runs; a task does not begin without.
    """
    head = f"echo {quote(notice)} >&2\n" if notice else ""
    head += 'export PAI_WORK_DIR="$PWD"\n'
    if environment:
        missing = quote(f"the local environment {environment} is not there")
        head += f"[ -d {quote(environment)}/bin ] || {{ echo {missing} >&2; exit 1; }}\n"
        head += f"export VIRTUAL_ENV={quote(environment)}\n"
        head += 'export PATH="$VIRTUAL_ENV/bin:$PATH"\n'
    if code:
        head += f"cp -R -- {quote(code)} . || exit 1\n"
    items = [item for item in commands if item.strip()]
    if not items:
        return f"{head}:\n"
    return head + " && ".join(f"{{\n{item}\n}}" for item in items) + "\n"
