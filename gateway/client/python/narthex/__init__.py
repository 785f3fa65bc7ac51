"""The Python client of Narthex, under the name that is installed: ``import narthex``.

Everything here is of ``gateway.client`` and is loaded at its first use, so that the import itself
costs next to nothing. Code that runs in a task finds another module of this name, which hands over
results and progress (``narthex.table``); there the client is ``gateway.client``.

Example:
    ``print(narthex.Client().run("hostname").stdout)``
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.client import *  # noqa: F403 - the same names, for type checkers
    from gateway.version import __version__ as __version__
else:

    def __getattr__(name: str) -> object:
        """A name of the client, loaded when somebody asks for it."""
        if name == "__version__":
            value: object = import_module("gateway.version").__version__
        elif name in {"progress", "rich", "table", "text", "Table"}:
            raise AttributeError(
                f"narthex.{name} is there for code that runs in a task, not outside"
            )
        else:
            client = import_module("gateway.client")
            if name != "__all__" and name not in client.__all__:
                raise AttributeError(f"module 'narthex' has no attribute {name!r}")
            value = getattr(client, name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *import_module("gateway.client").__all__, "__version__"})
