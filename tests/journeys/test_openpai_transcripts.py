"""The requests and replies that OpenPAI's documents print, sent and compared.

A transcript is a row of ``>>> request`` with headers and body, and ``<<< status`` with what the
reply must hold. Names in braces are filled in: ``admin`` and ``user`` are tokens. A reply without
braces is a text that must be part of the body; ``{"type": "int"}`` is any value of the type.
"""

import json
import re
from pathlib import Path

import httpx
import pytest

from tests.journeys.replayed import matches
from tests.support.served import Served, admin_password

TRANSCRIPTS = Path(__file__).parents[1] / "transcripts" / "openpai"
TURN = re.compile(r">>> (\S+) (\S+)\n(.*?)<<< (\d+)\n(.*?)\n(?=>>> |\Z)", re.DOTALL)


@pytest.fixture(scope="module")
def known(served: Served) -> dict[str, str]:
    """The administrator's token and password, and the token of a user called ``user``."""
    password = admin_password(served.data)
    login = {"username": "user", "password": "secret"}
    url = f"{served.url}/api"
    made = httpx.post(f"{url}/v2/user", json=login, headers=served.headers)
    assert made.status_code == 201, made.text
    token = httpx.post(f"{url}/v1/token", data=login).json()["token"]
    return {"admin": served.token, "user": token, "password": password}


@pytest.mark.parametrize("name", sorted(path.stem for path in TRANSCRIPTS.iterdir()))
def test_the_document_s_own_examples(served: Served, known: dict[str, str], name: str) -> None:
    """Contract, sections 1.0 and 9: what the documents say literally is what clients get."""

    def filled(text: str) -> str:
        return re.sub(r"\{(admin|user|password)\}", lambda found: known[found[1]], text)

    turns = TURN.findall((TRANSCRIPTS / f"{name}.txt").read_text())
    assert turns

    for method, path, rest, status, expected in turns:
        head, _, body = rest.partition("\n\n")
        headers = dict(line.split(": ", 1) for line in filled(head).splitlines())
        reply = httpx.request(
            method, served.url + path, headers=headers, content=filled(body).strip(), timeout=40
        )

        where = (method, path, reply.status_code, reply.text)
        assert reply.status_code == int(status), where
        if expected.startswith("{"):
            assert matches(reply.json(), json.loads(expected)), where
        else:
            assert expected in reply.text, where
