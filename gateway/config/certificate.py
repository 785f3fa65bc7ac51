"""The certificate with which the gateway itself speaks TLS, and its key, which others may not read.

Loaded anew while connections are open: those go on with what they began with. Touches the disk.
"""

from __future__ import annotations

import os
import ssl
import stat
from pathlib import Path

from gateway.config.settings import Node, Server
from gateway.config.sources import ConfigError

__all__ = ["Certificate", "check_authority", "load_certificate"]

_PASSWORD = ""
_OTHERS = 0o007
_GROUP_WRITES = 0o020


class Certificate:
    """A certificate with its key. Raises ConfigError if they cannot be used, with why."""

    def __init__(self, server: Server) -> None:
        self._certificate = Path(server.tls_certificate)
        self._key = Path(server.tls_key or server.tls_certificate)
        self._context = self._loaded()

    @property
    def context(self) -> ssl.SSLContext:
        """What the next connection begins with."""
        return self._context

    def reload(self) -> None:
        """Reads the files again; if they cannot be used what was read before stays.

        Raises:
            ConfigError: they cannot be used.
        """
        self._context = self._loaded()

    def _loaded(self) -> ssl.SSLContext:
        _check_private(self._key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
        context.set_alpn_protocols(["http/1.1"])
        try:
            # Without a password a key that needs one would be asked for at the terminal.
            context.load_cert_chain(self._certificate, self._key, password=_PASSWORD)
        except ssl.SSLError as error:
            raise ConfigError(
                f"server.tls_certificate and server.tls_key: {self._certificate} and {self._key}"
                f" are no certificate with its key, without a password, in PEM ({_reason(error)})"
            ) from error
        except OSError as error:
            raise ConfigError(
                f"server.tls_certificate: cannot read {self._certificate}: {error.strerror}"
            ) from error
        return context


def check_authority(node: Node) -> None:
    """Sees to it that the certificates by which other nodes are believed can be read.

    Raises:
        ConfigError: they cannot, with why.
    """
    if not node.authority:
        return
    try:
        ssl.create_default_context(cafile=node.authority)
    except ssl.SSLError as error:
        raise ConfigError(
            f"node.authority: {node.authority} holds no certificates in PEM ({_reason(error)})"
        ) from error
    except OSError as error:
        raise ConfigError(
            f"node.authority: cannot read {node.authority}: {error.strerror}"
        ) from error


def load_certificate(server: Server) -> Certificate | None:
    """The certificate that the settings name, None if they name none. Raises ConfigError."""
    return Certificate(server) if server.tls_certificate else None


def _check_private(path: Path) -> None:
    """Refuses a key that others may read. A group may: Debian keeps keys for one."""
    try:
        facts = path.stat()
        with path.open("rb"):
            pass
    except OSError as error:
        raise ConfigError(f"server.tls_key: cannot read {path}: {error.strerror}") from error
    mode = stat.S_IMODE(facts.st_mode)
    if mode & (_OTHERS | _GROUP_WRITES) or facts.st_uid not in {0, os.getuid()}:
        raise ConfigError(
            f"server.tls_key: others may read or change {path} (mode {mode:04o}): it must belong to"
            " this user or to root, with mode 0600, or 0640 for a group of the key's own"
        )


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or "unknown").lower().replace("_", " ")
