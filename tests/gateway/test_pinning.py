"""One certificate is trusted, and nobody that whoever signed it has signed for."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

import pytest

from gateway.pinning import pinned
from tests.support.authority import authority
from tests.support.certificates import signed_by_itself


def shaken(server: Path, key: Path, client: ssl.SSLContext) -> None:
    """Holds a handshake between two ends; raises what the client's end says of it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server, key)
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            with theirs, context.wrap_socket(theirs, server_side=True) as link:
                link.recv(1)
        except (ssl.SSLError, OSError):
            return  # the client's end says why

    serving = threading.Thread(target=serve)
    serving.start()
    try:
        with ours, client.wrap_socket(ours, server_hostname="anything.example") as link:
            link.send(b"x")
    finally:
        serving.join(30)


def test_the_certificate_itself_is_trusted_by_any_name(tmp_path: Path) -> None:
    """With those that signed it behind it in the file, or signed by itself."""
    issuer = authority(tmp_path)
    certificate, key = issuer.issue("gateway")
    chain = tmp_path / "chain.pem"
    chain.write_bytes(certificate.read_bytes() + issuer.file.read_bytes())
    shaken(certificate, key, pinned(str(chain)))
    own = signed_by_itself(tmp_path, "gateway").both
    shaken(own, own, pinned(str(own)))


def test_another_of_the_same_authority_is_not(tmp_path: Path) -> None:
    """Although the authority stands in the file as well."""
    issuer = authority(tmp_path)
    certificate, _ = issuer.issue("gateway")
    other, key = issuer.issue("other")
    chain = tmp_path / "chain.pem"
    chain.write_bytes(certificate.read_bytes() + issuer.file.read_bytes())
    with pytest.raises(ssl.SSLCertVerificationError):
        shaken(other, key, pinned(str(chain)))


def test_no_certificate_is_no_trust(tmp_path: Path) -> None:
    """A file that is missing or holds something else is said to."""
    (tmp_path / "empty").touch()
    for name, why in (("none", "No such file"), ("empty", "holds no certificate")):
        with pytest.raises(OSError, match=why):
            pinned(str(tmp_path / name))
