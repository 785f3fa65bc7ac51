"""Where things are on disk. Names only: what is in them is for those who own them to say.

Never creates anything but the folders themselves, all of them for the owner's eyes only.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["LONGEST_SOCKET", "DataPathError", "DataPaths", "default_data_dir"]

LONGEST_SOCKET = 100
"""Bytes of the path of a socket: the system takes 107, and a new one has a longer name at first."""

_PRIVATE = 0o700
_PLAIN = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)


class DataPathError(Exception):
    """A folder cannot be used; the message is one line for a person."""


def default_data_dir(environ: Mapping[str, str] | None = None) -> Path:
    """The folder of this user's gateway: below XDG_DATA_HOME, else ~/.local/share."""
    environ = os.environ if environ is None else environ
    given = environ.get("XDG_DATA_HOME", "")
    home = Path(given) if given.startswith("/") else Path.home() / ".local" / "share"
    return home / "narthex"


@dataclass(frozen=True, slots=True)
class DataPaths:
    """All paths of one data folder and of the short-named folder for its sockets."""

    data: Path
    runtime: Path

    @classmethod
    def of(
        cls, data_dir: Path | None = None, environ: Mapping[str, str] | None = None
    ) -> DataPaths:
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
        """Users of an earlier release, until they are in the directory."""
        return self.data / "accounts.json"

    @property
    def addresses(self) -> Path:
        """The file of the addresses from which users have logged in."""
        return self.data / "addresses.json"

    @property
    def directory(self) -> Path:
        """Users, the hashes of their passwords, and groups."""
        return self.data / "directory.json"

    @property
    def user_ids(self) -> Path:
        """Which user of the system the tasks of each user are, where that is set."""
        return self.data / "user_ids.json"

    @property
    def profiles(self) -> Path:
        """Folder of what users say about themselves."""
        return self.data / "profiles"

    @property
    def tokens(self) -> Path:
        """Folder of the lists of tokens; none of them holds a token."""
        return self.data / "tokens"

    @property
    def audit_log(self) -> Path:
        """What the command line changed of users, groups and tokens."""
        return self.data / "audit.log"

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
    def groups(self) -> Path:
        """Folder of all groups."""
        return self.spool / "groups"

    @property
    def queues(self) -> Path:
        """The queues, if there are others than the default one."""
        return self.data / "queues.json"

    @property
    def pool(self) -> Path:
        """The leaves of the pool, if somebody changed what the settings describe."""
        return self.data / "pool.json"

    @property
    def node(self) -> Path:
        """The name of this node, by which it knows its Redis."""
        return self.data / "node"

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
        """Unix datagram socket at which the runner takes notifications."""
        return self.runtime / "runner.sock"

    @property
    def sessions(self) -> Path:
        """Folder of the sockets of sessions, a folder for each."""
        return self.runtime / "sessions"

    def service_folder(self, name: str) -> Path:
        """The folder for the store of a service of that name, made if it is not there.

        Raises:
            DataPathError: it cannot be used, or the name is no plain one.
        """
        if not _PLAIN.fullmatch(name):
            raise DataPathError(f"{name!r} is no name for the folder of a service")
        for folder in (self.data / "services", self.data / "services" / name):
            _own(folder)
        return self.data / "services" / name

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
        own = DataPaths(data, Path(given) / f"narthex-{mark}")
        if len(os.fsencode(own.redis_socket)) <= LONGEST_SOCKET:
            return own.runtime
    # The data folder itself may lie too deep for a socket. Owner and mode are checked.
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
            raise DataPathError(f"{folder} is not a folder of this user")
        if stat.S_IMODE(facts.st_mode) != _PRIVATE:
            folder.chmod(_PRIVATE)
    except OSError as error:
        raise DataPathError(f"cannot use {folder}: {error.strerror}") from error
