"""A gateway that speaks TLS itself: every client, renewed certificates, and who speaks none."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from gateway.client import AsyncClient, Client, ConnectionFailed
from tests.journeys.entrance import frame, shell
from tests.support.authority import Authority, authority
from tests.support.gateway import Gateway, serving_gateway
from tests.support.served import NARTHEX
from tests.support.waiting import wait_until_sync

DAY = 86_400


@dataclass(frozen=True, slots=True)
class Secured:
    """A gateway with a certificate, and who signed that."""

    gateway: Gateway
    issuer: Authority
    certificate: Path
    key: Path

    @property
    def trust(self) -> ssl.SSLContext:
        """What a careful client trusts."""
        return ssl.create_default_context(cafile=self.issuer.file)

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        url = httpx.URL(self.gateway.url)
        return url.host, int(url.port or 0)

    def connected(self, context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
        """A connection after its handshake."""
        link = socket.create_connection(self.address, 10)
        return (context or self.trust).wrap_socket(link, server_hostname=self.address[0])

    def serial(self) -> int:
        """The number of the certificate that a new connection is shown."""
        with self.connected() as link:
            shown = link.getpeercert()
        assert shown is not None
        return int(str(shown["serialNumber"]), 16)

    def renew(self) -> None:
        """Puts a new certificate and its key in the place of the old, and says so."""
        certificate, key = self.issuer.issue(f"renewed{self.issuer.last}")
        self.certificate.write_bytes(certificate.read_bytes())
        self.key.write_bytes(key.read_bytes())
        self.gateway.served.process.send_signal(signal.SIGHUP)
        wait_until_sync(lambda: self.serial() == self.issuer.last, "the new certificate")


@contextmanager
def secured(folder: Path, **environment: str) -> Iterator[Secured]:
    """A gateway that speaks TLS."""
    issuer = authority(folder)
    certificate, key = issuer.issue("gateway")
    with serving_gateway(
        folder / "data",
        NARTHEX_SERVER_TLS_CERTIFICATE=str(certificate),
        NARTHEX_SERVER_TLS_KEY=str(key),
        NARTHEX_SERVER_HEADER_SECONDS="3",
        **environment,
    ) as gateway:
        yield Secured(gateway, issuer, certificate, key)


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """One for the tests of this file, which tells browsers to keep to https."""
    folder = tmp_path_factory.mktemp("tls")
    with secured(folder, NARTHEX_SERVER_HSTS_SECONDS=str(DAY)) as found:
        yield found


def narthex(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command of the command line."""
    return subprocess.run(
        [*NARTHEX, *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **environment},
    )


def test_requests_cookies_and_the_word_to_browsers(secure: Secured) -> None:
    """S22: a cookie is Secure, and the word to browsers is in short and in long replies."""
    password = "correct horse battery"  # noqa: S105 - of a test
    with httpx.Client(base_url=secure.gateway.url, verify=secure.trust) as http:
        body = {"userName": "ann", "password": password}
        reply = http.post("/api/rest_j/v1/user/login", json=body)
        assert reply.status_code == 200
        assert "Secure" in reply.headers["set-cookie"]
        for path in ("/api/rest_j/v1/user/login", "/healthz"):
            found = http.get(path).headers["strict-transport-security"]
            assert found == f"max-age={DAY}"


def test_the_python_clients_run_tasks(secure: Secured) -> None:
    """Over https and wss; the authority by the client's setting."""
    url, token = secure.gateway.url, secure.gateway.token()
    with Client(url, token, ca_file=str(secure.issuer.file)) as client:
        done = client.run("echo secret $((6 * 7))")
        assert (done.exit_code, done.stdout) == (0, "secret 42\n")
        assert client.run("echo a; echo b").output == "a\nb\n"

    async def run() -> str:
        async with AsyncClient(url, token, ca_file=str(secure.issuer.file)) as client:
            return (await client.run("echo later")).stdout

    assert asyncio.run(run()) == "later\n"


def test_an_authority_that_nobody_trusts_is_refused(
    secure: Secured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a sentence; SSL_CERT_FILE makes it one that is trusted."""
    url, token = secure.gateway.url, secure.gateway.token()
    with Client(url, token) as client, pytest.raises(ConnectionFailed, match="not trusted"):
        client.run("true")
    monkeypatch.setenv("SSL_CERT_FILE", str(secure.issuer.file))
    with Client(url, token) as client:
        assert client.run("true").exit_code == 0


def test_the_command_line_reaches_it(secure: Secured, tmp_path: Path) -> None:
    """By its data folder, whose certificate it knows; by its address with a file of authorities."""
    data, url = str(secure.gateway.data), secure.gateway.url
    done = narthex("run", "--data-dir", data, "echo here")
    assert (done.returncode, done.stdout) == (0, "here\n"), done.stderr
    named = ("--server", url, "--token", secure.gateway.token())
    done = narthex("run", *named, "--ca-file", str(secure.issuer.file), "echo there")
    assert (done.returncode, done.stdout) == (0, "there\n"), done.stderr
    done = narthex("run", *named, "echo nowhere", SSL_CERT_FILE=str(tmp_path / "none"))
    assert done.returncode
    assert "nowhere" not in done.stdout


def test_a_renewed_certificate_cuts_no_connection(secure: Secured) -> None:
    """A follower sees every line, a kept connection goes on; new ones are shown the new one."""
    before = secure.serial()
    with (
        httpx.Client(base_url=secure.gateway.url, verify=secure.trust) as http,
        connect(
            f"wss{secure.gateway.url.removeprefix('https')}/ws",
            ssl=secure.trust,
            additional_headers=secure.gateway.headers(),
        ) as following,
        secure.connected() as idle,
    ):
        assert http.get("/healthz").status_code == 200
        following.send(frame("execute", shell("echo first; read -t 2 x < <(sleep 9); echo last")))
        seen = ""
        while "first" not in seen:
            seen += str(following.recv(20))
        secure.renew()
        assert secure.serial() != before
        while "last" not in seen:
            seen += str(following.recv(20))
        assert http.get("/healthz").status_code == 200
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        assert idle.recv(100).startswith(b"HTTP/1.1 200")


def test_a_renewal_that_cannot_be_used_changes_nothing(secure: Secured) -> None:
    """The old certificate stays, and the log says why."""
    before, key = secure.serial(), secure.key.read_bytes()
    log = secure.gateway.data.with_suffix(".log")
    secure.key.write_bytes(b"no key")
    secure.gateway.served.process.send_signal(signal.SIGHUP)
    wait_until_sync(lambda: "no certificate with its key" in log.read_text(), "the log to say so")
    assert secure.serial() == before
    secure.key.write_bytes(key)
    # Whoever hangs up at a terminal is heard by every process, and ends none.
    for pid in secure.gateway.served.parts("gateway.runner"):
        os.kill(pid, signal.SIGHUP)
    with Client(
        secure.gateway.url, secure.gateway.token(), ca_file=str(secure.issuer.file)
    ) as client:
        assert client.run("true").exit_code == 0


@pytest.mark.parametrize(
    ("version", "spoken"),
    [
        (ssl.TLSVersion.TLSv1_1, False),
        (ssl.TLSVersion.TLSv1_2, True),
        (ssl.TLSVersion.TLSv1_3, True),
    ],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_versions_are_not_spoken(
    secure: Secured, version: ssl.TLSVersion, *, spoken: bool
) -> None:
    """TLS 1.2 is the oldest."""
    context = secure.trust
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = min(version, ssl.TLSVersion.TLSv1_2)
    context.maximum_version = version
    if spoken:
        with secure.connected(context) as link:
            assert link.version() == version.name.replace("_", ".")
    else:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            secure.connected(context)


def test_who_speaks_no_tls_is_cut(secure: Secured) -> None:
    """A request in clear is not answered with anything of ours; nor is noise."""
    for said in (
        b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"\x16\x03\x01" + b"\xff" * 64,
    ):
        with socket.create_connection(secure.address, 10) as link:
            link.sendall(said)
            answer = b""
            try:
                while data := link.recv(4096):
                    answer += data
            except ConnectionResetError:
                pass
        assert b"HTTP" not in answer


def test_who_says_nothing_is_cut_in_time(secure: Secured) -> None:
    """A handshake has as long as the head of a request."""
    with socket.create_connection(secure.address, 10) as link:
        link.settimeout(20)
        assert link.recv(1) == b""


def test_silent_connections_keep_nobody_out(tmp_path: Path) -> None:
    """They count from their first moment: the longest silent one goes when there are too many.

    And browsers are told nothing unless a setting says so: it would hold for every port of a host.
    """
    with secured(tmp_path, NARTHEX_SERVER_CONNECTIONS="8") as found:
        links = [socket.create_connection(found.address, 10) for _ in range(20)]
        try:
            with httpx.Client(verify=found.trust, timeout=10) as http:
                reply = http.get(f"{found.gateway.url}/healthz")
            assert reply.status_code == 200
            assert "strict-transport-security" not in reply.headers
        finally:
            for link in links:
                link.close()


def test_a_key_for_everybody_is_refused_at_the_start(tmp_path: Path) -> None:
    """S22: serve and check-config say it in one sentence, and nothing is served."""
    certificate, key = authority(tmp_path).issue("gateway")
    key.chmod(0o644)
    settings = {
        "NARTHEX_SERVER_TLS_CERTIFICATE": str(certificate),
        "NARTHEX_SERVER_TLS_KEY": str(key),
    }
    done = narthex("serve", "--data-dir", str(tmp_path / "data"), "--port", "0", **settings)
    assert done.returncode == 2
    assert re.fullmatch(r".*others may read or change .*\n", done.stderr), done.stderr


def test_the_endpoint_names_the_certificate(secure: Secured) -> None:
    """So that commands on this machine trust that very one, by whatever name they come."""
    said = json.loads((secure.gateway.data / "endpoint.json").read_text())
    assert said["url"].startswith("https://127.0.0.1:")
    assert said["certificate"] == str(secure.certificate)
