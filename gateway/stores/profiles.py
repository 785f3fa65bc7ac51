"""What users say about themselves: an e-mail address and a JSON object, in a private file each.

Nothing in it decides what anybody may do. A file that is missing or broken says nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from gateway.stores.atomic_file import exclusive, private_folder, replace
from protocol.directory import check_email
from protocol.errors import GatewayError, Kind

__all__ = ["EXTENSION_BYTES", "Profiles", "StoredProfile"]

EXTENSION_BYTES = 65_536
"""How much a user may keep in the object."""


class StoredProfile(msgspec.Struct, frozen=True):
    """What one user says."""

    email: str = ""
    extension: dict[str, object] = {}


class Profiles:
    """The files in ``folder``, which need not be there yet. Blocks on the disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def checked(self, email: str, extension: Mapping[str, object]) -> bytes:
        """What would be kept. Raises INVALID for what may not be."""
        check_email(email)
        try:
            data = msgspec.json.encode(StoredProfile(email, dict(extension)))
        except (UnicodeEncodeError, TypeError, ValueError, RecursionError) as error:
            raise GatewayError(
                Kind.INVALID, "the extension cannot be kept as JSON", field="extension"
            ) from error
        if len(data) > EXTENSION_BYTES:
            raise GatewayError(
                Kind.INVALID,
                f"a user's extension has at most {EXTENSION_BYTES} bytes",
                field="extension",
            )
        return data

    def read(self, name: str) -> StoredProfile:
        """What a user says."""
        with contextlib.suppress(OSError, msgspec.MsgspecError, RecursionError):
            return msgspec.json.decode(self._file(name).read_bytes(), type=StoredProfile)
        return StoredProfile()

    def put(self, name: str, data: bytes) -> None:
        """Keeps what was ``checked`` for a user, in place of anything that was there."""
        private_folder(self._folder)
        replace(self._file(name), data)

    def patch(self, name: str, email: str | None, extension: Mapping[str, object] | None) -> None:
        """Changes what is not None; of the object the keys that are given.

        Raises:
            GatewayError: INVALID for what may not be, UNAVAILABLE if it cannot be kept.
        """
        try:
            private_folder(self._folder)
            with exclusive(self._folder / "lock"):
                said = self.read(name)
                self.put(
                    name,
                    self.checked(
                        said.email if email is None else email,
                        {**said.extension, **(extension or {})},
                    ),
                )
        except OSError as error:
            raise GatewayError(
                Kind.UNAVAILABLE, "the profile cannot be kept", retry_after=1.0
            ) from error

    def drop(self, name: str) -> None:
        """Forgets a user."""
        with contextlib.suppress(OSError):
            self._file(name).unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        # A user's name is safe as the name of a file; see protocol/directory.py.
        return self._folder / f"{name}.json"
