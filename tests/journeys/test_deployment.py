"""The files of the page of deployment hold: nginx with TLS, the settings, the containers."""

from __future__ import annotations

import json
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml
from websockets.sync.client import connect
from websockets.typing import Origin

from gateway.config import load
from tests.support.absent import missing
from tests.support.certificates import signed_by_itself
from tests.support.ports import free_port
from tests.support.served import Served, admin_password, serving
from tests.support.waiting import wait_until_sync

PAGE = Path(__file__).resolve().parents[2] / "gateway" / "docs" / "deployment.md"
NAME = "narthex.example.org"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


def block(language: str) -> str:
    """The block of a language on the page."""
    text = PAGE.read_text("utf-8")
    found = re.search(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


@dataclass(frozen=True, slots=True)
class Site:
    """nginx in front of a gateway: its port of TLS, and what trusts its certificate."""

    port: int
    trust: ssl.SSLContext
    gateway: Served


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The page's own nginx and settings, on other ports and with a certificate of ours."""
    if NGINX is None:
        missing("nginx is not installed: the settings of the page are not served by it")
    folder = tmp_path_factory.mktemp("nginx")
    settings = folder / "config.toml"
    settings.write_text(block("toml"))
    with serving(folder / "data", "--config", str(settings)) as gateway:
        plain, secure = free_port(), free_port()
        made = signed_by_itself(folder, NAME)
        text = block("nginx").replace("127.0.0.1:9001", gateway.url.removeprefix("http://"))
        text = re.sub(r"listen \[::\].*\n", "", text).replace("listen 80;", f"listen {plain};")
        text = text.replace("listen 443 ", f"listen 127.0.0.1:{secure} ")
        text = text.replace("/etc/ssl/narthex/fullchain.pem", str(made.certificate))
        text = text.replace("/etc/ssl/narthex/privkey.pem", str(made.key))
        paths = "".join(
            f"{kind}_temp_path {folder}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        whole = folder / "nginx.conf"
        whole.write_text(
            f"daemon off; pid {folder}/pid; error_log {folder}/errors warn; events {{}}\n"
            f"http {{ access_log off; {paths}\n{text}\n}}\n"
        )
        command = [NGINX, "-c", str(whole), "-p", str(folder)]
        checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr
        process = subprocess.Popen(command)
        try:
            wait_until_sync(lambda: listens(secure), "nginx to listen")
            yield Site(secure, made.trust(), gateway)
        finally:
            process.terminate()
            process.wait(20)


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_calls_and_logins_through_nginx(site: Site) -> None:
    """The site answers by its name over TLS, and its cookie is for TLS alone."""
    headers = {"Host": NAME}
    extensions = {"sni_hostname": NAME}
    with httpx.Client(base_url=f"https://127.0.0.1:{site.port}", verify=site.trust) as client:
        ready = client.get("/readyz", headers=headers, extensions=extensions)
        assert ready.status_code == 200
        assert "Strict-Transport-Security" in ready.headers
        password = admin_password(site.gateway.data)
        shown = client.post(
            "/api/rest_j/v1/user/login",
            json={"userName": "admin", "password": password},
            headers={**headers, "Origin": f"https://{NAME}"},
            extensions=extensions,
        )
        assert shown.status_code == 200, shown.text
        assert "secure" in shown.headers["set-cookie"].lower()
        body = b"x" * (2 << 20)
        sent = client.post(
            "/api/job/data",
            files={"file": ("big", body)},
            headers={**headers, **site.gateway.headers},
            extensions=extensions,
        )
        assert sent.status_code in {200, 201}, sent.text


def test_a_websocket_through_nginx(site: Site) -> None:
    """A task is submitted and followed by websocket, as pages and plugins do."""
    root = "/api/rest_j/v1/entrance"
    raw = socket.create_connection(("127.0.0.1", site.port))
    with connect(
        f"wss://{NAME}/ws/api/entrance/connect?resume=false",
        sock=raw,
        ssl=site.trust,
        server_hostname=NAME,
        origin=Origin(f"https://{NAME}"),
        additional_headers=site.gateway.headers,
    ) as opened:
        code = {"executeApplicationName": "shell", "runType": "shell", "executionCode": "echo hi"}
        opened.send(json.dumps({"method": f"{root}/execute", "data": {**code, "push": False}}))
        task = json.loads(opened.recv(30))["data"]["taskID"]
        opened.send(json.dumps({"method": f"{root}/{task}/subscribe", "data": {"fromLine": 1}}))
        verbs = []
        while "eof" not in verbs:
            verbs.append(json.loads(opened.recv(30))["method"].rpartition("/")[2])
    assert "lines" in verbs


def test_the_settings_of_the_containers_are_ones() -> None:
    """The compose file is read, and what it sets in the environment the gateway takes."""
    services = yaml.safe_load(block("yaml"))["services"]
    given: dict[str, str] = services["narthex"]["environment"]
    config = load(None, given)
    assert config.server.host == "0.0.0.0"  # noqa: S104 - inside of a container
    assert config.server.allowed_hosts == (NAME,)
    assert config.server.trusted_proxies == ("172.16.0.0/12",)
    assert tomllib.loads(block("toml"))["server"]["public_url"] == f"https://{NAME}"


def test_the_container_serves_what_is_installed(site: Site) -> None:
    """Each instruction is one: sources and extras are there, and the health check finds health."""
    known = {"FROM", "RUN", "COPY", "USER", "VOLUME", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT"}
    lines = [line.partition(" ")[::2] for line in block("dockerfile").splitlines()]
    assert {word for word, _ in lines} == known
    said = {word: rest for word, rest in lines if word != "RUN"}
    assert json.loads(said["ENTRYPOINT"]) == [
        *("narthex", "serve", "--data-dir", "/var/lib/narthex")
    ]
    assert said["VOLUME"] == "/var/lib/narthex"
    source, folder = said["COPY"].split()
    project = tomllib.loads((PAGE.parents[2] / source / "pyproject.toml").read_text())["project"]
    runs = [rest for word, rest in lines if word == "RUN"]
    for run in runs:
        subprocess.run(["sh", "-n", "-c", run], check=True, timeout=10)
    (extra,) = re.findall(rf"'{folder}\[(\w+)\]'", " ".join(runs))
    assert extra in project["optional-dependencies"]
    version = re.fullmatch(r"python:3\.(\d+)-slim", said["FROM"])
    assert version
    assert int(version[1]) >= int(project["requires-python"].removeprefix(">=3."))
    assert said["EXPOSE"] == str(load(None, {}).server.port)
    program = json.loads(said["HEALTHCHECK"].removeprefix("CMD "))
    assert program[:2] == ["python", "-c"]
    ready = program[2].replace("http://127.0.0.1:9001", site.gateway.url)
    assert ready != program[2]
    subprocess.run([sys.executable, "-c", ready], check=True, timeout=30)
    gone = program[2].replace(":9001", ":1")
    assert subprocess.run([sys.executable, "-c", gone], check=False, timeout=30).returncode


def test_the_compose_file_names_what_the_page_has() -> None:
    """Its files, volumes and services are those of the page, and its ports those of nginx."""
    page, found = PAGE.read_text("utf-8"), yaml.safe_load(block("yaml"))
    gateway, nginx = found["services"]["narthex"], found["services"]["nginx"]
    assert f"`{gateway['build']['dockerfile']}`" in page
    assert gateway["volumes"] == ["data:/var/lib/narthex"]
    assert list(found["volumes"]) == ["data"]
    assert nginx["depends_on"] == ["narthex"]
    config = block("nginx")
    for port in nginx["ports"]:
        assert re.search(rf"listen {port.split(':')[1]}\b", config)
    certificates = nginx["volumes"][1].split(":")[1]
    assert f"ssl_certificate     {certificates}/" in config
