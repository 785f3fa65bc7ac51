"""Every call of every dialect, over both transports, asked by everybody (S01, S15, S26, S27, S45).

The tables of the dialects say what there is: a new route or method is in this matrix by itself.
What strangers may ask is kept in ``open_routes.txt``.
"""

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from gateway.config import load
from gateway.plugins import load_dialects
from protocol.accounts import Reads, Scope
from protocol.dialect import WebSocketDialect
from protocol.dialects.linkis.envelope import ROOT
from tests.support.gateway import Gateway, serving_gateway
from tests.support.waiting import wait_until_sync

GOLDEN = Path(__file__).with_name("open_routes.txt")
MOUNTS = load_dialects(load(None, {}))
ROWS = sorted(
    {
        (
            mount.dialect.name,
            route.method,
            f"{mount.prefix}{route.template}",
            route.open or (mount.reads or route.reads) is Reads.PUBLIC,
        )
        for mount in MOUNTS
        for route in mount.dialect.routes
    }
)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE")
MESSAGES = sorted(
    {
        template.removeprefix(ROOT)
        for name, _, template, _ in ROWS
        if name == "linkis" and template.startswith(f"{ROOT}/")
    }
    | {f"/entrance/{{id}}/{verb}" for verb in ("subscribe", "unsubscribe", "ack")}
)
NEW = re.compile(
    r"/user/(login|token-login|proxy|publicKey|heartbeat|logout)$|/narthex/(health|tokens)$|/data$"
)
"""New in each answer (tokens, keys, figures, ids of uploads), or an end of who asks (a logout)."""

HIDDEN = ("linkis", "job_manager")
"""Dialects in which nobody sees what is not theirs; in OpenPAI's, jobs may be shared."""

OLD = ("/api", "/rest-server/api")
OLD_WORDS = {
    "DuplicateJobSubmission",
    "JobDeleteError",
    "JobNotFound",
    "JobUpdateError",
    "ParameterValidationError",
    "RemoveFailed",
    "UpdateFailed",
}
"""What the OpenPAI before versions refuses with 500; a fault of the gateway has another word."""
REFUSED = {400, 401, 403, 404, 405, 406, 500, 501}
_TELLING = 10
"""Numbers of tasks from here on are not those of an envelope's status."""


@dataclass(frozen=True, slots=True)
class Thing:
    """The names of somebody's task, job, files and results, or of what never was."""

    exec_id: str
    number: int
    job: str
    file: str
    owner: str
    path: str
    group: str

    @property
    def fields(self) -> dict[str, Any]:
        """All names in the fields by which any call asks for them."""
        return {
            "taskID": self.number,
            "execID": self.exec_id,
            "jobId": self.number,
            "job_id": self.job,
            "id": self.file,
            "taskIDList": [self.number],
            "idList": [self.exec_id],
            "path": self.path,
            "oldDest": self.path,
            "newDest": f"{self.path}.moved",
        }

    def filled(self, template: str) -> str:
        """The path of a route about it."""
        return re.sub(r"\{(\w+)(?:\.\.\.)?\}", lambda found: self._in(template, found[1]), template)

    def scrubbed(self, text: str) -> str:
        """An answer without the names that were asked for."""
        for name in (self.path, self.exec_id, self.job, self.file):
            text = text.replace(name, "*")
        return re.sub(rf"(?<![\w.-])({self.owner}|{self.number})(?![\w.-])", "*", text)

    def _in(self, template: str, name: str) -> str:
        if name == "id":
            return self.file if "/data/" in template else self.exec_id
        known = {"job_id": self.job, "job": f"{self.owner}~{self.group}", "user": self.owner}
        return known.get(name, "0")


@dataclass(frozen=True, slots=True)
class World:
    """A gateway, what ann has on it, and what nobody has."""

    gateway: Gateway
    hers: Thing
    missing: Thing

    def events(self) -> object:
        """All that ever happened to ann's task and job."""
        with self.gateway.client("ann") as ann:
            reported = [
                ann.get(f"{ROOT}/entrance/{self.hers.exec_id}/events").json()["data"],
                ann.get(f"{ROOT}/jobhistory/{self.hers.number}/get").json()["data"]["task"],
                ann.get(f"/job_info/{self.hers.job}").json(),
                ann.get(f"/data/{self.hers.file}").text,
                ann.get(f"/api/v2/jobs/ann~{self.hers.group}/config").text,
                ann.get(f"/api/v2/jobs/ann~{self.hers.group}").json()["jobStatus"]["state"],
                ann.get("/api/v2/users/ann").json(),
                ann.get(f"{ROOT}/filesystem/openFile", params={"path": self.hers.path}).json(),
            ]
        return json.loads(re.sub(r'"(costTime|progress)": ?[\d.]+', '"":0', json.dumps(reported)))


def submitted(client: httpx.Client, code: str) -> dict[str, Any]:
    """What the answer to a submit says of the new task."""
    body = {"executeApplicationName": "shell", "runType": "shell", "executionCode": code}
    reply = client.post(f"{ROOT}/entrance/execute", json=body).json()
    assert reply["status"] == 0, reply
    return dict(reply["data"])


def made(gateway: Gateway, user: str) -> Thing:
    """A running task with output, an ended job, an upload and a script of a user."""
    with gateway.client(user) as client:
        while submitted(client, "true")["taskID"] < _TELLING:
            pass
        task = submitted(client, "echo hello; exec sleep 600")
        log: dict[str, str | int] = {"format": "lines", "fromLine": 1, "wait": 10}
        said = client.get(f"{ROOT}/entrance/{task['execID']}/log", params=log).json()
        assert said["data"]["lines"]
        job = client.post("/run", json={"command": "echo job"}).json()["job_id"]
        wait_until_sync(
            lambda: client.get(f"/job_info/{job}").json()["state"] == "done", "the job to end"
        )
        file = client.post("/data", files={"file": ("a.txt", b"hers alone")}).json()
        root = client.get(f"{ROOT}/filesystem/getUserRootPath", params={"pathType": "file"})
        path = f"{root.json()['data']['userLocalRootPath']}/{user}.sql"
        body = {"path": path, "scriptContent": "select 'hers alone'", "params": {}}
        saved = client.post(f"{ROOT}/filesystem/saveScript", json=body)
        assert saved.json()["status"] == 0, saved.text
        roles = [{"name": "w", "command": "sleep 600"}]
        group = f"matrix-{task['taskID']}"
        config = {"jobName": group, "image": "", "taskRoles": roles}
        pai = client.post("/api/v1/jobs", json=config)
        assert pai.status_code == 202, pai.text
        detail = f"/api/v2/jobs/{user}~{group}"
        wait_until_sync(
            lambda: client.get(detail).json()["jobStatus"]["state"] != "WAITING",
            "the job with roles to begin",
        )
    (upload,) = re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", json.dumps(file))[:1]
    return Thing(task["execID"], task["taskID"], job, upload, user, path, group)


@pytest.fixture(scope="module", name="gateway")
def gateway_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway for this module: it is asked for everything, also by its administrator."""
    with serving_gateway(tmp_path_factory.mktemp("matrix") / "data") as found:
        yield found
        with found.client("ann") as ann:
            left = ann.get(f"{ROOT}/jobhistory/listundonetasks").json()["data"]["tasks"]
            for task in left:
                ann.post(f"{ROOT}/entrance/{task['taskID']}/kill", json={"grace": 0})


@pytest.fixture(scope="module")
def world(gateway: Gateway) -> World:
    """What the matrix is asked about."""
    hers = made(gateway, "ann")
    number = 10**6 + hers.number
    exec_id = hers.exec_id.replace("ann_", "zoe_").replace(f"_{hers.number}", f"_{number}")
    path = hers.path.replace("/ann", "/zoe")
    nobody = Thing(exec_id, number, str(uuid.uuid4()), str(uuid.uuid4()), "zoe", path, hers.group)
    return World(gateway, hers, nobody)


def asked(
    client: httpx.Client, method: str, template: str, thing: Thing, headers: Mapping[str, str]
) -> httpx.Response:
    """One call about a thing, which is named in every way there is."""
    path, fields = thing.filled(template), thing.fields
    if method in {"GET", "HEAD"}:
        reply = client.request(method, path, params=fields, headers=headers)
    else:
        reply = client.request(method, path, json=fields, headers=headers)
    well_formed(template, reply)
    client.cookies.clear()
    return reply


def well_formed(template: str, reply: httpx.Response) -> None:
    """No fault of the gateway, nothing of its inside, and a refusal in its dialect's words."""
    where = f"{reply.request.method} {template}: {reply.status_code} {reply.text[:300]}"
    bodiless = reply.request.method == "HEAD"
    refused = reply.status_code == 500 and (bodiless or reply.json().get("error") in OLD_WORDS)
    assert reply.status_code < 500 or (refused and template.startswith(OLD)), where
    assert "Traceback" not in reply.text, where
    assert reply.headers["x-content-type-options"] == "nosniff"
    if reply.status_code >= 400 and not bodiless:
        assert reply.content, where
        reported = reply.json()
        if "status" in reported:
            assert reported.keys() == {"method", "status", "message", "data"}, where
            assert reported["status"] != 0, where
        assert reported.get("message") or reported.get("error"), where
        # The dialect itself answers what its table has; a wrong method may be a neighbour's.
        if template.startswith("/api/rest_"):
            assert "status" in reported, where


def test_the_open_routes_are_as_agreed() -> None:
    """What strangers may ask, of all dialects: whoever opens a route changes the list with it."""
    opened = [f"{name:12} {method:9} {template}" for name, method, template, free in ROWS if free]
    sockets = [
        f"{mount.dialect.name:12} websocket {mount.prefix}{template}"
        for mount in MOUNTS
        if isinstance(mount.dialect, WebSocketDialect)
        for template in mount.dialect.sockets
    ]
    assert sorted(opened + sockets) == GOLDEN.read_text().splitlines()


def test_no_method_of_any_path_is_open_to_strangers(gateway: Gateway) -> None:
    """S01: whatever method a stranger uses, what is not in the list is refused."""
    opened = {(method, template) for _, method, template, free in ROWS if free}
    opened |= {("HEAD", template) for method, template in opened if method == "GET"}
    templates = sorted(
        {
            template
            for name, _, template, _ in ROWS
            if name != "linkis" or template.startswith(f"{ROOT}/")
        }
    )
    assert len(templates) > 100
    with gateway.client("") as stranger:
        for template in templates:
            for method in METHODS:
                path = re.sub(r"\{\w+\}", "1", template)
                reply = stranger.request(method, path)
                well_formed(template, reply)
                if (method, template) not in opened:
                    assert reply.status_code in REFUSED, (method, template)


def test_over_http_nobody_sees_or_changes_what_is_not_theirs(world: World) -> None:
    """S26, S27: a stranger is sent to the login; another user finds nothing, as if it never was."""
    gateway, before = world.gateway, world.events()
    compared = 0
    with gateway.client("") as client:
        for name, method, template, free in ROWS:
            foreign = asked(client, method, template, world.hers, {})
            assert free or foreign.status_code == 401, template
            headers = gateway.headers("bob")
            foreign = asked(client, method, template, world.hers, headers)
            assert "hers alone" not in foreign.text
            if name not in HIDDEN or NEW.search(template):
                continue
            missing = asked(client, method, template, world.missing, headers)
            assert foreign.status_code == missing.status_code, template
            alike = world.hers.scrubbed(foreign.text) == world.missing.scrubbed(missing.text)
            assert alike, f"{template}\n{foreign.text[:500]}\n{missing.text[:500]}"
            compared += 1
    assert compared > 400
    assert world.events() == before


def test_over_http_owners_and_administrators_are_answered(world: World) -> None:
    """Every call about what is there: no fault, and what others do not see is seen."""
    gateway, seen = world.gateway, dict.fromkeys(("ann", "admin"), 0)
    readers = [row for row in ROWS if row[1] == "GET" and "{" in row[2] and "/kill" not in row[2]]
    with gateway.client("") as client:
        for user in seen:
            for _, method, template, _ in readers:
                reply = asked(client, method, template, world.hers, gateway.headers(user))
                seen[user] += reply.status_code == 200
        # What changes or ends it comes last, and to a thing of its own; the accounts stay.
        theirs = made(gateway, "ann")
        for user in ("admin", "ann"):
            for _, method, template, _ in ROWS:
                thing = world.missing if "{user}" in template else theirs
                if method != "GET" or "/kill" in template:
                    asked(client, method, template, thing, gateway.headers(user))
    assert min(seen.values()) > len(readers) / 3, seen


def test_a_token_for_reading_changes_nothing(world: World) -> None:
    """S09: by no call of any dialect, over HTTP or by message; and it reads what its user reads."""
    gateway = world.gateway
    listed = f"{ROOT}/jobhistory/list"

    def state(client: httpx.Client) -> object:
        return world.events(), client.get(listed).json()["data"]["totalPage"]

    def runs() -> set[str]:
        return {path.name for path in (gateway.data / "spool" / "live").iterdir()}

    known = runs()
    with gateway.client("ann") as ann, gateway.client("") as client:
        before = state(ann)
        read = refused = 0
        for _, method, template, _ in ROWS:
            if not NEW.search(template) or template.endswith("/tokens"):
                # A new one each time: some calls log out what they come with.
                headers = gateway.application("ann", Scope.READ)
                reply = asked(client, method, template, world.hers, headers)
                read += reply.status_code == 200
                refused += reply.status_code == 403
        calm = [method for method in MESSAGES if not NEW.search(method)]
        headers = gateway.application("ann", Scope.READ)
        messages = list(said(gateway, headers, world.hers, calm))
        assert state(ann) == before
        # Each dialect says so in its own words.
        for path, body in (
            (
                f"{ROOT}/entrance/execute",
                {"executeApplicationName": "shell", "runType": "shell", "executionCode": "true"},
            ),
            ("/run", {"command": "true"}),
            (
                "/api/v1/jobs",
                {"jobName": "no", "image": "", "taskRoles": [{"name": "w", "command": "true"}]},
            ),
        ):
            assert client.post(path, json=body, headers=headers).status_code == 403, path
        assert state(ann) == before
    assert runs() <= known
    assert read > 60
    assert refused > 60
    assert sum(message["status"] == 0 for message in messages) > 20


def test_a_token_for_tasks_has_no_rights_of_an_administrator(world: World) -> None:
    """S09: an administrator's one sees what a user sees who is nobody to ann."""
    gateway = world.gateway
    headers = gateway.application("admin", Scope.TASKS)
    path = f"{ROOT}/entrance/{world.hers.exec_id}/status"
    with gateway.client("") as client:
        assert client.get(path, headers=headers).is_client_error
        assert client.get(path, headers=gateway.application("admin", Scope.FULL)).is_success
        assert client.get(f"{ROOT}/narthex/users", headers=headers).json()["status"] != 0
        body = {"executeApplicationName": "shell", "runType": "shell", "executionCode": "true"}
        assert client.post(f"{ROOT}/entrance/execute", json=body, headers=headers).is_success


def said(
    gateway: Gateway, user: str | dict[str, str], thing: Thing, methods: list[str]
) -> Iterator[dict[str, Any]]:
    """The answers to messages about a thing, in turn."""
    headers = user if isinstance(user, dict) else gateway.headers(user) if user else {}
    url = f"{gateway.socket_url}?resume=false"
    with connect(url, additional_headers=headers, max_size=None) as socket:
        for method in methods:
            path = f"{ROOT}{thing.filled(method)}"
            socket.send(json.dumps({"method": path, "data": thing.fields, "websocketTag": "m"}))
            while True:
                text = socket.recv(timeout=20)
                message = json.loads(text)
                # What a subscription pushes comes in between.
                if message.get("websocketTag") == "m" and message["method"] == path:
                    break
            assert message.keys() == {"method", "status", "message", "data", "websocketTag"}
            assert "Traceback" not in str(text)
            assert "something went wrong" not in message["message"], text
            yield message


def test_over_websockets_nobody_sees_or_changes_what_is_not_theirs(world: World) -> None:
    """S15, S26, S27: each method of the table, asked in messages."""
    gateway, before = world.gateway, world.events()
    opened = {template for _, _, template, free in ROWS if free}
    calm = [method for method in MESSAGES if not NEW.search(method)]
    for number in range(0, len(calm), 6):
        for message in said(gateway, "", world.hers, calm[number : number + 6]):
            # What cannot be read is refused as such, whoever asks.
            assert message["status"] != 0 or message["method"] in opened, message
    foreign, missing = (
        [thing.scrubbed(json.dumps(message)) for message in said(gateway, "bob", thing, calm)]
        for thing in (world.hers, world.missing)
    )
    assert foreign == missing
    assert len(foreign) > 80
    assert not any("hers alone" in text for text in foreign)
    assert world.events() == before
    for user in ("admin", "ann"):
        theirs = made(gateway, "ann")
        found = [message["status"] for message in said(gateway, user, theirs, calm)]
        assert found.count(0) > 20, user
    for method in (one for one in MESSAGES if NEW.search(one)):
        for user in ("", "bob", "ann", "admin"):
            try:
                answers = list(said(gateway, user, world.hers, [method]))
            except ConnectionClosed as closed:
                assert "logout" in method, f"{method}: {closed}"  # noqa: PT017 - of one method
            else:
                assert len(answers) == 1
