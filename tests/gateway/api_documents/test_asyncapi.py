"""The AsyncAPI document: valid by its own parser, and true of what really goes over a socket."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import connect

from gateway.api_documents.asyncapi import asyncapi
from gateway.config import load
from gateway.plugins import load_dialects
from tests.support.absent import missing
from tests.support.documented import fault_of, message_of
from tests.support.gateway import Gateway

DOCUMENT = asyncapi(load_dialects(load(None), "localhost:8080"), "localhost:8080")
PARSER = "@asyncapi/parser@3.6.6"
CHECK = """
import { Parser } from '@asyncapi/parser';
import fs from 'fs';
const text = fs.readFileSync(process.argv[2], 'utf8');
const { document, diagnostics } = await new Parser().parse(text);
const bad = diagnostics.filter((one) => one.severity === 0);
console.log(JSON.stringify(bad.map((one) => `${one.path.join('/')}: ${one.message}`)));
process.exit(document && !bad.length ? 0 : 1);
"""


def against(message: str, value: object) -> None:
    """Holds a message against its payload's schema; what the schema does not name is a defect."""
    assert not (fault := fault_of(message, value)), fault


def kind_of(message: dict[str, Any]) -> str:
    """Which message of the document it is: a push has a verb of its own."""
    verb = re.fullmatch(r"/api/rest_j/v1/entrance/[^/]+/(\w+)", message["method"])
    return message_of(verb[1] if verb else "")


def test_it_is_valid(tmp_path: Path) -> None:
    """As the parser of its makers has it."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        missing("there is no Node.js")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    words = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", PARSER]
    done = subprocess.run(
        words, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
    )
    if done.returncode:
        missing(f"the parser cannot be installed: {done.stderr.strip()[-300:]}")
    (tmp_path / "check.mjs").write_text(CHECK)
    (tmp_path / "document.json").write_text(json.dumps(DOCUMENT))
    checked = subprocess.run(
        [node, "check.mjs", "document.json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_it_is_true_of_a_socket(gateway: Gateway) -> None:
    """A task submitted, pushed, and followed in three ways: each message is as it says."""
    bearer = {"Authorization": f"Bearer {gateway.token('admin')}"}
    code = "printf 'one\\ntwo \\377\\n'; printf 'ba\\rbar\\n'; echo three >&2; exit 3"
    body = {"executionCode": code, "executeApplicationName": "shell", "runType": "shell"}
    execute = {"method": "/api/rest_j/v1/entrance/execute", "data": body, "websocketTag": "call"}
    against("Call", execute)
    seen: set[str] = set()
    url = f"ws{gateway.url.removeprefix('http')}/ws"
    with connect(url, additional_headers=bearer) as socket:
        socket.send(json.dumps(execute))
        first = json.loads(socket.recv(timeout=60))
        against("Reply", first)
        name = first["data"]["execID"]
        for form in ("lines", "block"):
            follow = {
                "method": f"/api/rest_j/v1/entrance/{name}/subscribe",
                "data": {"fromLine": 1, "format": form, "partial": True, "progress": True},
                "websocketTag": form,
            }
            against("Call", follow)
            socket.send(json.dumps(follow))
            kind = ""
            while kind != "EofPush":
                message = json.loads(socket.recv(timeout=60))
                kind = kind_of(message)
                against(kind, message)
                seen.add(kind)
    assert {"Reply", "LinesPush", "BlockPush", "EofPush", "ProgressPush"} <= seen


def test_it_is_served_to_anybody(gateway: Gateway) -> None:
    """With the address of this gateway."""
    document = httpx.get(f"{gateway.url}/asyncapi.json").json()
    assert document["channels"] == DOCUMENT["channels"]
    assert document["servers"]["gateway"]["host"] == gateway.url.removeprefix("http://")
