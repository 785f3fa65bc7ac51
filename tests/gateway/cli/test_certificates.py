"""Whose certificates a command trusts."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from gateway import client as narthex_client
from tests.gateway.cli.command import narthex
from tests.support.certificates import signed_by_itself


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
    made = signed_by_itself(tmp_path, "127.0.0.1")
    with HTTPServer(("127.0.0.1", 0), _Nobody) as found:
        found.socket = made.server().wrap_socket(found.socket, server_side=True)
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield f"https://127.0.0.1:{found.server_address[1]}", made.certificate
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
