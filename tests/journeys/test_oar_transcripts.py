"""The calls and answers that OAR's document prints, on a gateway with the pool that it speaks of.

A transcript holds a request and what the answer must have: ``{job}`` is a running job, ``<id>`` the
id that the answer brings, and ``<int>``, ``<str>`` and ``<list>`` are any value of the type. An
answer may hold more.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from tests.support.served import NARTHEX, Served, serving, token_for
from tests.support.waiting import wait_until_sync

FOLDER = Path(__file__).parents[1] / "transcripts" / "oar"
TRANSCRIPTS = sorted(FOLDER.glob("*.txt"))
TYPES: dict[object, type] = {"<int>": int, "<str>": str, "<list>": list}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway with two nodes of two processors, and a user of the document's."""
    folder = tmp_path_factory.mktemp("oar") / "data"
    pool = "/nodes=node{2}/cpu={2}/core={2}"
    with serving(folder, NARTHEX_RUNNER_POOL=pool) as served:
        subprocess.run(
            [*NARTHEX, "user", "add", "bzizou", "--password-stdin", "--data-dir", str(folder)],
            input="kameleon\n",
            text=True,
            capture_output=True,
            timeout=60,
            check=True,
        )
        yield served


@pytest.fixture(scope="module")
def oar(gateway: Served) -> Iterator[httpx.Client]:
    """The administrator of that gateway."""
    with httpx.Client(base_url=gateway.url, headers=gateway.headers, timeout=60) as client:
        yield client


def running(oar: httpx.Client) -> int:
    """The id of a job that runs."""
    body = {"command": "sleep 300", "resource": "/core=1"}
    number = int(oar.post("/oarapi/jobs.json", json=body).json()["id"])
    wait_until_sync(
        lambda: oar.get(f"/oarapi/jobs/{number}.json").json()["state"] == "Running", "it to run", 30
    )
    return number


def fits(wanted: object, found: object, where: str) -> None:
    """Whether an answer has what it must."""
    if isinstance(wanted, str) and wanted in TYPES:
        assert isinstance(found, TYPES[wanted]), f"{where}: {found!r}"
    elif isinstance(wanted, dict):
        assert isinstance(found, dict), where
        for key, value in wanted.items():
            assert key in found, f"{where}.{key}"
            fits(value, found[key], f"{where}.{key}")
    elif isinstance(wanted, list):
        assert isinstance(found, list), where
        assert len(found) == len(wanted), where
        for at, value in enumerate(wanted):
            fits(value, found[at], f"{where}[{at}]")
    else:
        assert found == wanted, where


def test_there_are_transcripts() -> None:
    """They are found."""
    assert len(TRANSCRIPTS) > 15


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_the_answer_is_as_printed(gateway: Served, oar: httpx.Client, path: Path) -> None:
    """Status, keys and values of the document's own examples."""
    text = path.read_text()
    number = running(oar) if "{job}" in text else 0
    text = text.replace("{job}", str(number))
    text = text.replace("{bzizou}", token_for("bzizou", gateway.data))
    asked, _, answer = text.partition("====\n")
    head, _, body = asked.partition("\n\n")
    line, *headers = head.splitlines()
    method, _, target = line.partition(" ")
    sent = dict(one.split(": ", 1) for one in headers)
    reply = oar.request(method, target, content=body.strip(), headers=sent)
    status, _, printed = answer.partition("\n\n")
    assert reply.status_code == int(status), reply.text
    found = yaml.safe_load(reply.text)
    printed = printed.replace("<id>", str(found.get("id")))
    fits(yaml.safe_load(printed), found, path.stem)
    for one in {number, found.get("id", 0) if path.stem.startswith("submit") else 0} - {0}:
        oar.delete(f"/oarapi/jobs/{one}.json")
