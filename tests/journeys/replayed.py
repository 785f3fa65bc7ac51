"""Sessions of genuine clients, sent again byte by byte: heads as they write them, bodies, answers.

A transcript is a row of ``>>> request`` and ``<<< code`` with what the answer must hold. Names in
braces are filled in: ``user``, ``password``, ``token``, ``host``, ``length`` of the body, and what
earlier answers brought (``cookie``, ``execID``, ``taskID``). ``{"type": "int"}`` in an answer is
any value of the type.
"""

import json
import re
import socket
from collections.abc import Mapping
from http.client import HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

__all__ = ["Talk", "matches", "played"]

_TURN = re.compile(r">>> (.*?)\n<<< (\d+)\n(.*?)(?=\n>>> |\Z)", re.DOTALL)
_NAME = re.compile(r"\{(user|password|token|host|cookie|execID|taskID)\}")
_TYPES: Mapping[str, tuple[type, ...]] = {
    "int": (int,),
    "str": (str,),
    "list": (list,),
    "number": (int, float),
}


class Talk:
    """One connection that is kept alive, as the clients keep theirs."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self.host = place.netloc
        self._socket = socket.create_connection((place.hostname or "", place.port or 0), 30)

    def say(self, data: bytes) -> tuple[int, dict[str, str], bytes]:
        """Sends bytes; code, headers in small letters and body of what is answered."""
        self._socket.sendall(data)
        response = HTTPResponse(self._socket)
        response.begin()
        headers = {name.lower(): value for name, value in response.getheaders()}
        body = response.read()
        response.close()
        return response.status, headers, body

    def close(self) -> None:
        """Ends the connection."""
        self._socket.close()


def played(path: Path, url: str, known: Mapping[str, str]) -> dict[str, str]:
    """Plays a transcript; what is known at its end."""
    names = dict(known)
    talk = Talk(url)
    names["host"] = talk.host
    try:
        turns = _TURN.findall(path.read_text())
        assert turns, path
        for asked, code, expected in turns:
            status, headers, body = talk.say(_bytes(asked, names))
            answer = json.loads(body)
            assert status == int(code), (path.name, asked, answer)
            wanted = json.loads(_filled(expected, names, raw=True))
            assert matches(answer, wanted), (path.name, asked, answer)
            _learn(names, headers, answer)
    finally:
        talk.close()
    return names


def matches(found: object, wanted: object) -> bool:
    """Whether an answer holds what is wanted of it; it may hold more."""
    if isinstance(wanted, dict) and set(wanted) == {"type"}:
        kinds = _TYPES[wanted["type"]]
        return isinstance(found, kinds) and not isinstance(found, bool)
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(
            name in found and matches(found[name], value) for name, value in wanted.items()
        )
    return str(found) == str(wanted) if isinstance(wanted, str) else found == wanted


def _bytes(asked: str, names: Mapping[str, str]) -> bytes:
    head, _, body = asked.partition("\n\n")
    data = _filled(body.strip("\n"), names).encode()
    lines = _filled(head, names).replace("{length}", str(len(data))).split("\n")
    return "\r\n".join([*lines, "", ""]).encode() + data


def _filled(text: str, names: Mapping[str, str], *, raw: bool = False) -> str:
    def value(found: re.Match[str]) -> str:
        known = names[found[1]]
        return json.dumps(known)[1:-1] if raw else known

    return _NAME.sub(value, text)


def _learn(names: dict[str, str], headers: Mapping[str, str], answer: dict[str, Any]) -> None:
    if found := re.match(
        r"linkis_user_session_ticket_id_v1=([^;]+)", headers.get("set-cookie", "")
    ):
        names["cookie"] = found[1]
    for name in ("execID", "taskID"):
        if name in answer["data"]:
            names[name] = str(answer["data"][name])
