"""The key under which a web page may encrypt passwords before it sends them.

For clients that do so; TLS is what protects a login. Off unless the configuration asks for it, and
only then is the library needed. What does not decrypt is a wrong password and nothing else.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.auth.tokens import SigningKeyError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

__all__ = ["LoginKey", "load_login_key"]

_BITS = 2048


class LoginKey:
    """One RSA key: its public half for the page, its private half for what comes back."""

    def __init__(self, key: RSAPrivateKey) -> None:
        from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415 - optional

        self._key = key
        self.public = key.public_key().public_bytes(
            form.Encoding.DER, form.PublicFormat.SubjectPublicKeyInfo
        )

    def decrypted(self, data: bytes) -> str:
        """The password (PKCS #1 v1.5, as the web clients do it); empty if the data is none."""
        from cryptography.hazmat.primitives.asymmetric import padding  # noqa: PLC0415 - optional

        try:
            return self._key.decrypt(data, padding.PKCS1v15()).decode("utf-8")
        except ValueError:
            return ""


def load_login_key(path: Path) -> LoginKey:
    """The key in a file that only its owner can read, made if there is none.

    Raises:
        SigningKeyError: the library is missing, or the file holds no such key.
    """
    try:
        from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415 - optional
        from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415 - optional
    except ImportError as error:
        raise SigningKeyError(
            "auth.encrypt_logins needs the package cryptography: pip install 'narthex[rsa]'"
        ) from error
    try:
        if not path.exists():
            fresh = rsa.generate_private_key(public_exponent=65_537, key_size=_BITS)
            _write(
                path,
                fresh.private_bytes(
                    form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()
                ),
            )
        key = form.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError) as error:
        raise SigningKeyError(f"{path} holds no key for logins") from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise SigningKeyError(f"{path} holds no key for logins")
    return LoginKey(key)


def _write(path: Path, data: bytes) -> None:
    """Shows the file whole or not at all; of several processes the first one wins."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
