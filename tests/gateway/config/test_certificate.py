"""The certificate of the gateway: what is refused, and what goes on when it is read again."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from gateway.config import Config, ConfigError, load
from gateway.config.certificate import Certificate, check_authority, load_certificate
from tests.support.authority import authority
from tests.support.certificates import signed_by_itself


def configured(certificate: Path | str, key: Path | str = "") -> Config:
    """The shipped settings with a certificate."""
    variables = {
        "NARTHEX_SERVER_TLS_CERTIFICATE": str(certificate),
        "NARTHEX_SERVER_TLS_KEY": str(key),
    }
    return load(None, variables)


def test_without_a_setting_there_is_none() -> None:
    """Then everything is spoken in clear, as before."""
    assert load_certificate(load(None, {}).server) is None


def test_a_key_without_a_certificate_is_a_mistake() -> None:
    """Whoever sets it believes that TLS is spoken."""
    with pytest.raises(ConfigError, match=r"server.tls_key from .* needs a server.tls_certificate"):
        configured("", "/etc/ssl/private/key.pem")


def test_both_may_stand_in_one_file(tmp_path: Path) -> None:
    """As tools that renew certificates write them; TLS 1.2 is the oldest that is spoken."""
    made = load_certificate(configured(signed_by_itself(tmp_path, "gateway").both).server)
    assert made is not None
    assert made.context.minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o620, 0o602, 0o777])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    """S22: with a sentence that names the file, its mode and what it must be."""
    certificate, key = authority(tmp_path).issue("gateway")
    key.chmod(mode)
    with pytest.raises(ConfigError, match=rf"others may read or change .*gateway.key .*{mode:04o}"):
        Certificate(configured(certificate, key).server)


def test_a_key_for_a_group_of_its_own_will_do(tmp_path: Path) -> None:
    """Debian keeps keys so, for those who are in the group ssl-cert."""
    certificate, key = authority(tmp_path).issue("gateway")
    key.chmod(0o640)
    assert Certificate(configured(certificate, key).server).context.check_hostname is False


def test_what_is_no_certificate_is_refused(tmp_path: Path) -> None:
    """Missing files, ones that hold something else, and a key of another certificate."""
    issuer = authority(tmp_path)
    certificate, key = issuer.issue("gateway")
    _, other = issuer.issue("other")
    empty = tmp_path / "empty"
    empty.touch(0o600)
    for chain, secret, why in (
        (certificate, tmp_path / "none", "server.tls_key: cannot read"),
        (tmp_path / "none", key, "server.tls_certificate: cannot read"),
        (certificate, empty, "no certificate with its key"),
        (empty, key, "no certificate with its key"),
        (certificate, other, "no certificate with its key"),
    ):
        with pytest.raises(ConfigError, match=why):
            Certificate(configured(chain, secret).server)


def test_what_cannot_be_used_changes_nothing(tmp_path: Path) -> None:
    """A renewal that is half done leaves what was there."""
    issuer = authority(tmp_path)
    certificate, key = issuer.issue("gateway")
    used = Certificate(configured(certificate, key).server)
    before = used.context
    chain, _ = issuer.issue("renewed")
    certificate.write_bytes(chain.read_bytes())
    with pytest.raises(ConfigError):
        used.reload()
    assert used.context is before
    key.write_bytes((tmp_path / "renewed.key").read_bytes())
    used.reload()
    assert used.context is not before


def test_an_authority_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """By the name of its setting; a good one, and none, are taken."""
    empty = tmp_path / "empty.pem"
    empty.touch()

    def checked(file: Path | str) -> None:
        check_authority(load(None, {"NARTHEX_NODE_AUTHORITY": str(file)}).node)

    checked("")
    checked(authority(tmp_path).file)
    with pytest.raises(ConfigError, match=r"node.authority: cannot read .*No such file"):
        checked(tmp_path / "none.pem")
    with pytest.raises(ConfigError, match=r"node.authority: .* holds no certificates"):
        checked(empty)
