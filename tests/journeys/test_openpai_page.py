"""The sessions that the page about OpenPAI shows, run as they stand there but for the address."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.journeys.openpai import Pai
from tests.support.openpai_clients import fetched_js_sdk, fetched_paicli
from tests.support.served import Served, admin_password
from tests.support.waiting import wait_until_sync

PAGE = Path(__file__).parents[2] / "gateway" / "docs" / "openpai.md"
ADDRESS = "127.0.0.1:9001"


def block(language: str, word: str) -> str:
    """The block of a language in which a word occurs."""
    blocks = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (found,) = [one for one in blocks if word in one]
    return str(found)


def run(words: list[str], folder: Path, **more: str) -> str:
    """What a program prints that must end well."""
    env = {"PATH": os.environ["PATH"], **more}
    done = subprocess.run(
        words, env=env, cwd=folder, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_session_with_curl(served: Served, tmp_path: Path) -> None:
    """6.5: a login, a protocol, its status and its end; the job is what the page says."""
    place = urlsplit(served.url).netloc
    text = block("sh", "curl").replace(ADDRESS, place)
    said = run(
        ["bash", "-euo", "pipefail", "-c", text], tmp_path, PASSWORD=admin_password(served.data)
    )
    assert "update job hello successfully" in said
    assert "Job name hello already exists" not in said
    admin = Pai(served, served.token)
    tasks = admin.ended("/v1/jobs/admin~hello")["taskRoles"]["worker"]["taskStatuses"]
    assert len(tasks) == 2
    admin.http.close()


def test_the_sessions_with_the_sdk(
    served: Served, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """6.1: the client in JavaScript, and its command."""
    sdk = fetched_js_sdk(pytestconfig)
    place = urlsplit(served.url).netloc
    script = block("js", "PAIV2").replace(ADDRESS, place)
    said = run(
        ["node", "--no-deprecation", "-e", script], sdk.folder, PASSWORD=admin_password(served.data)
    )
    assert said.strip().startswith("[")

    job = {
        "protocolVersion": 2,
        "name": "paged",
        "type": "job",
        "prerequisites": [{"name": "i", "type": "dockerimage", "uri": "i"}],
        "taskRoles": {
            "w": {
                "dockerImage": "i",
                "resourcePerInstance": {"cpu": 1, "memoryMB": 64, "gpu": 0},
                "commands": ["true"],
            }
        },
    }
    (tmp_path / "job.yaml").write_text(json.dumps(job))
    commands = block("sh", "pai addc").partition("\n\n")[0].replace(ADDRESS, place)
    commands = commands.replace("getj here hello", "getj here paged")
    programs = f"{sdk.folder / 'node_modules' / '.bin'}:{os.environ['PATH']}"
    more = {"PATH": programs, "HOME": str(tmp_path), "token": served.token}
    said = run(["bash", "-euo", "pipefail", "-c", commands], tmp_path, **more)
    assert "admin~paged" in said


def test_the_session_with_paicli(
    served: Served, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """6.5: the lines behind the questions of ``paicli config``, in their order."""
    paicli = fetched_paicli(pytestconfig)
    place = urlsplit(served.url)
    profile = {
        "host": place.hostname,
        "port": place.port,
        "username": "admin",
        "password": admin_password(served.data),
    }
    (tmp_path / ".paicli").mkdir()
    (tmp_path / ".paicli" / "config.yaml").write_text(json.dumps({"default": profile}))
    role = {"name": "w", "command": "sleep 1000"}
    sent = {"jobName": "hello.typed", "image": "base", "taskRoles": [role]}
    (tmp_path / "job.json").write_text(json.dumps(sent))
    line = next(one for one in block("sh", "paicli").splitlines() if "paicli token" in one)
    said = []
    for command in line.replace("stop hello", "stop hello.typed").split("; "):
        words = command.split()
        assert words[0] == "paicli"
        said.append(paicli.run(tmp_path, *words[1:]))
    assert "Successfully submitted!" in said[1]
    assert "hello.typed" in said[2]
    assert "Stop signal submitted!" in said[3]
    admin = Pai(served, served.token)
    wait_until_sync(
        lambda: admin("GET", "/v1/jobs/admin~hello.typed")[1]["jobStatus"]["state"] == "STOPPED",
        "the job to be stopped",
        timeout=60,
    )
    admin.http.close()
