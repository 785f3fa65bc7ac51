"""Which generation of ``openFile`` a request is answered in.

Follows the contract, section 9, point 3: linkis-web and DataSphere Studio send the header
``Content-language`` with every request, the browser front end of Scriptis 0.7.2 does not. Clients
that are no browsers (SDKs, the JDBC driver, linkis-cli) read the new one, whatever they send.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

__all__ = ["Generation", "generation_of"]

_BROWSER = "mozilla/"


class Generation(StrEnum):
    """The shapes that clients read, and as a setting whether their requests decide."""

    AUTO = "auto"
    OLD = "old"
    NEW = "new"


def generation_of(headers: Mapping[str, str], setting: Generation) -> Generation:
    """OLD or NEW. ``setting`` decides where the header ``Content-language`` is absent."""
    if "content-language" in headers:
        return Generation.NEW
    if setting is not Generation.AUTO:
        return setting
    browser = headers.get("user-agent", "").lower().startswith(_BROWSER)
    return Generation.OLD if browser else Generation.NEW
