"""The key for encrypted passwords: made once, private, and no oracle."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from gateway.auth.login_key import load_login_key
from gateway.auth.tokens import SigningKeyError


def encrypted(public: bytes, text: bytes) -> bytes:
    """What a web page makes of a password."""
    key = load_der_public_key(public)
    assert isinstance(key, rsa.RSAPublicKey)
    return key.encrypt(text, padding.PKCS1v15())


def test_the_key_is_made_once_and_private(tmp_path: Path) -> None:
    """Every process of a gateway has the same key, and nobody else can read it."""
    path = tmp_path / "login.pem"
    first, second = load_login_key(path), load_login_key(path)
    assert first.public == second.public
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["login.pem"]


@pytest.mark.parametrize("password", ["secret", "p\u00e4ssw\u00f6rd \u2603", " s "])
def test_a_password_comes_back(tmp_path: Path, password: str) -> None:
    """What was encrypted with the public key is read."""
    key = load_login_key(tmp_path / "login.pem")
    assert key.decrypted(encrypted(key.public, password.encode())) == password


def test_what_does_not_decrypt_is_no_password(tmp_path: Path) -> None:
    """Nonsense of any length, and bytes that are no text, never say why."""
    key = load_login_key(tmp_path / "login.pem")
    for data in (b"", b"x", b"x" * 256, b"x" * 1000):
        assert not key.decrypted(data) or key.decrypted(data) != "secret"
    assert key.decrypted(encrypted(key.public, b"\xff\xfe")) == ""


@pytest.mark.parametrize("content", ["", "nonsense"])
def test_a_file_without_a_key(tmp_path: Path, content: str) -> None:
    """It is told in one line."""
    path = tmp_path / "login.pem"
    path.write_text(content)
    with pytest.raises(SigningKeyError, match="holds no key for logins"):
        load_login_key(path)
