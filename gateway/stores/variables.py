"""The variables that users keep: one small private file for each user, replaced as a whole.

A file's name is the digest of its user's, so that no name can lead anywhere else. Blocks on the
disk.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from gateway.stores.atomic_file import private_folder, replace
from protocol.errors import GatewayError, Kind

__all__ = ["Variables"]


class Variables:
    """The variables of all users, in files below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, owner: str) -> dict[str, str]:
        """The variables of a user, in their order; none if none were ever kept.

        Raises:
            GatewayError: INTERNAL if the file is not one of ours.
            OSError: the disk refused.
        """
        try:
            data = self._file(owner).read_bytes()
        except FileNotFoundError:
            return {}
        try:
            return msgspec.json.decode(data, type=dict[str, str])
        except msgspec.MsgspecError as error:
            raise GatewayError(Kind.INTERNAL, "the variables of the user are unreadable") from error

    def write(self, owner: str, variables: Mapping[str, str]) -> None:
        """Keeps these variables of a user and no others, durably."""
        private_folder(self._folder)
        replace(self._file(owner), msgspec.json.encode(dict(variables)))

    def _file(self, owner: str) -> Path:
        return self._folder / f"{hashlib.sha256(owner.encode()).hexdigest()}.json"
