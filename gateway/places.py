"""Where things are on disk. Names only: what is in them is for those who own them to say.

Never creates anything but the folders themselves, all of them for the owner's eyes only.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PlaceError", "Places", "default_data_dir"]

_PRIVATE = 0o700


class PlaceError(Exception):
    """A folder cannot be used; the message is one line for a person."""


def default_data_dir(environ: Mapping[str, str] | None = None) -> Path:
    """The folder of this user's gateway: below XDG_DATA_HOME, else ~/.local/share."""
    environ = os.environ if environ is None else environ
    given = environ.get("XDG_DATA_HOME", "")
    home = Path(given) if given.startswith("/") else Path.home() / ".local" / "share"
    return home / "narthex"


@dataclass(frozen=True, slots=True)
class Places:
    """All paths of one data folder and of the short-named folder for its sockets."""

    data: Path
    runtime: Path

    @classmethod
    def of(cls, data_dir: Path | None = None, environ: Mapping[str, str] | None = None) -> Places:
        """The places of a data folder, of this user's own one if None. Touches nothing."""
        environ = os.environ if environ is None else environ
        data = Path(os.path.realpath(data_dir or default_data_dir(environ)))
        return cls(data, _runtime(data, environ))

    @property
    def config(self) -> Path:
        """The user's settings, if there are any."""
        return self.data / "config.toml"

    @property
    def secret(self) -> Path:
        """Folder of everything that must not be read by others."""
        return self.data / "secret"

    @property
    def token_key(self) -> Path:
        """The random key that signs tokens."""
        return self.secret / "token.key"

    @property
    def login_key(self) -> Path:
        """The key for passwords that are sent encrypted, if the configuration wants them."""
        return self.secret / "login.pem"

    @property
    def admin_password(self) -> Path:
        """The first administrator's password, written at the first start."""
        return self.secret / "admin.password"

    @property
    def accounts(self) -> Path:
        """Users and the hashes of their passwords."""
        return self.data / "accounts.json"

    @property
    def revoked(self) -> Path:
        """Tokens that are worthless before their time."""
        return self.data / "revoked.jsonl"

    @property
    def redis(self) -> Path:
        """Folder of the private Redis server."""
        return self.data / "redis"

    @property
    def spool(self) -> Path:
        """Folder of all run directories."""
        return self.data / "spool"

    @property
    def objects(self) -> Path:
        """Folder of uploaded files."""
        return self.data / "objects"

    @property
    def files(self) -> Path:
        """Folder of the files that users keep."""
        return self.data / "files"

    @property
    def variables(self) -> Path:
        """Folder of the variables that users keep."""
        return self.data / "variables"

    @property
    def supervisor_lock(self) -> Path:
        """Locked by the one supervisor that serves this data folder."""
        return self.data / "supervisor.lock"

    @property
    def endpoint(self) -> Path:
        """Where the running gateway can be reached, for clients of the same user."""
        return self.data / "endpoint.json"

    @property
    def redis_socket(self) -> Path:
        """Unix socket of the private Redis server."""
        return self.runtime / "redis.sock"

    @property
    def runner_socket(self) -> Path:
        """Unix datagram socket at which the runner hears doorbells."""
        return self.runtime / "runner.sock"

    @property
    def sessions(self) -> Path:
        """Folder of the sockets of sessions, a folder for each."""
        return self.runtime / "sessions"

    def prepare(self) -> None:
        """Makes the folders, mode 0700; refuses any that belongs to somebody else.

        Not the spool: one that was there and is gone must not be made anew in silence.
        """
        for folder in (
            self.data,
            self.secret,
            self.redis,
            self.objects,
            self.files,
            self.runtime,
        ):
            _own(folder)


def _runtime(data: Path, environ: Mapping[str, str]) -> Path:
    mark = hashlib.sha256(os.fsencode(data)).hexdigest()[:8]
    given = environ.get("XDG_RUNTIME_DIR", "")
    if given.startswith("/") and _mine(Path(given)):
        return Path(given) / f"narthex-{mark}"
    # A socket's path has 108 bytes: a data folder may lie too deep. Owner and mode are checked.
    return Path("/tmp") / f"narthex-{os.getuid()}-{mark}"  # noqa: S108 - made 0700, owner checked


def _mine(folder: Path) -> bool:
    try:
        facts = folder.stat()
    except OSError:
        return False
    return stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.getuid()


def _own(folder: Path) -> None:
    try:
        folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        facts = folder.lstat()
        if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid():
            raise PlaceError(f"{folder} is not a folder of this user")
        if stat.S_IMODE(facts.st_mode) != _PRIVATE:
            folder.chmod(_PRIVATE)
    except OSError as error:
        raise PlaceError(f"cannot use {folder}: {error.strerror}") from error
