"""Whose certificates a command trusts."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway import client as narthex_client
from tests.gateway.cli.command import narthex


class _Nobody(BaseHTTPRequestHandler):
    """Knows no path."""

    def do_GET(self) -> None:
        """Refuses."""
        self.send_error(404)

    def log_message(self, *_words: object) -> None:
        """Nothing."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The URL of a server with TLS, and the file of the certificate that it has."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "here")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    certificate, private = tmp_path / "c.pem", tmp_path / "k.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, private)
    with HTTPServer(("127.0.0.1", 0), _Nobody) as found:
        found.socket = context.wrap_socket(found.socket, server_side=True)
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield f"https://127.0.0.1:{found.server_address[1]}", certificate
        found.shutdown()
        thread.join(20)


def test_a_certificate_counts_when_it_is_named(server: tuple[str, Path]) -> None:
    """Without ``--ca-file`` it is not trusted; with it the server is asked, and refuses."""
    url, certificate = server
    words = ("ps", "--server", url, "--token", "t")
    assert "is not trusted" in narthex(*words, code=69).stderr
    assert "HTTP 404" in narthex(*words, "--ca-file", certificate, code=1).stderr


def test_it_counts_for_both_clients(
    server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file that the environment names is trusted by the client and by its asynchronous form."""
    url, certificate = server

    def of_sync() -> None:
        with narthex_client.Client(url, token="t") as client:  # noqa: S106 - of nobody
            client.list()

    async def of_async() -> None:
        async with narthex_client.AsyncClient(url, token="t") as client:  # noqa: S106 - of nobody
            await client.list()

    asked = (of_sync, lambda: asyncio.run(of_async()))
    for ask in asked:
        with pytest.raises(narthex_client.ConnectionFailed, match="is not trusted"):
            ask()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    for ask in asked:
        with pytest.raises(narthex_client.ClientError) as refused:
            ask()
        assert not isinstance(refused.value, narthex_client.ConnectionFailed)
