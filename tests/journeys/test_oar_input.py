"""OAR's routes over HTTP with input that nobody should send: the contract's answers alone."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest
import yaml

from tests.support.served import Served

READS = (
    ("", "GET"),
    ("/version", "GET"),
    ("/whoami", "GET"),
    ("/timezone", "GET"),
    ("/jobs", "GET, POST"),
    ("/jobs/details", "GET"),
    ("/jobs/table", "GET"),
    ("/jobs/{job}", "GET, POST, PUT, DELETE"),
    ("/jobs/{job}/details", "GET, POST, PUT, DELETE"),
    ("/jobs/{job}/resources", "GET"),
    ("/jobs/{job}/nodes", "GET"),
    ("/resources", "GET, POST"),
    ("/resources/details", "GET"),
    ("/resources/full", "GET"),
    ("/resources/1", "GET, DELETE"),
    ("/resources/1/jobs", "GET"),
    ("/resources/network_address/jobs", "GET"),
    ("/admission_rules", "GET"),
    ("/admission_rules/1", "GET"),
    ("/config", "GET"),
    ("/config/file", "GET"),
    ("/config/DB_TYPE", "GET, POST"),
)
"""What is read, and the methods that a success tells."""
ACTS = (
    "POST /jobs",
    "POST /jobs/{job}",
    "PUT /jobs/{job}",
    "POST /resources",
    "POST /resources/generate",
    "POST /resources/1/state",
    "POST /admission_rules",
    "POST /admission_rules/1",
    "POST /config/DB_TYPE",
    "POST /media/chmod/~/x",
)
BROKEN = (
    b"",
    b"[]",
    b"null",
    b"7",
    b"{",
    b"\xff\xfe",
    b'{"a": 1e999}',
    b'{"command": {"a": 1}, "method": {"a": 1}, "state": {"a": 1}, "rule": {"a": 1}}',
    b"[" * 3000,
    b'{"a":' * 3000,
)
UNSAFE = (
    b'--- !!python/object/apply:os.system ["id"]',
    b"a: &a [x, x]\nb: *a",
    b"a: &a [l, l]\nb: &b [*a, *a, *a, *a, *a]\nc: [*b, *b, *b, *b, *b]",
    b"command: !!binary x",
    b"? {a: b}\n: c",
    b"- " * 5000,
    b"command: a\ncommand: b",
    b"---\na: 1\n---\nb: 2",
)
NO_JOBS: tuple[dict[str, object], ...] = (
    {"array": "1e3"},
    {"array": -1},
    {"array": 10**20},
    {"checkpoint": -5},
    {"signal": 99},
    {"reservation": "0001-01-01 00:00:00"},
    {"reservation": "2030-02-30 00:00:00"},
    {"command": "a\0"},
    {"name": "\0"},
    {"directory": "\0"},
    {"resource": "/core=1,walltime=99999999999999:0:0"},
    {"resource": "/core=99999999999999999999999"},
    {"resource": "/core=0"},
    {"resource": "/core=-1"},
    {"resource": {"core": 1}},
    {"property": "(" * 4000},
    {"property": "NOT " * 2000 + "core = 1"},
    {"property": "core = 1; DROP TABLE jobs"},
    {"type": ["x"] * 2000},
    {"anterior": "x"},
    {"notify": "exec:/bin/x"},
    {"stdout": "a;b"},
    {"hold": "maybe"},
    {"interactive": 1},
    {"param_file": "#"},
    {"script": '#!/bin/sh\n#OAR -l "\n', "command": "", "scanscript": 1},
)


@pytest.fixture(scope="module")
def oar(served: Served) -> Iterator[httpx.Client]:
    """The administrator."""
    with httpx.Client(
        base_url=f"{served.url}/oarapi", headers=served.headers, timeout=60
    ) as client:
        yield client


@pytest.fixture(scope="module")
def job(oar: httpx.Client) -> Iterator[int]:
    """A job on hold."""
    number = int(oar.post("/jobs.json", json={"command": "true", "hold": 1}).json()["id"])
    yield number
    oar.delete(f"/jobs/{number}.json")


@pytest.mark.parametrize("path", [path for path, _ in READS])
def test_every_route_answers_in_every_format(oar: httpx.Client, job: int, path: str) -> None:
    """Sections 2.1 and 5: by suffix and by Accept; what is not known is 406 in JSON."""
    path = path.format(job=job)
    answers = [oar.get(f"{path}.{suffix}") for suffix in ("json", "yaml", "html")]
    assert [one.status_code for one in answers] == [200, 200, 200]
    kinds = ("application/json", "text/yaml", "text/html")
    for answer, kind in zip(answers, kinds, strict=True):
        assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
        asked = oar.get(path, headers={"Accept": f"{kind}, */*"})
        assert asked.headers["content-type"] == f"{kind}; charset=utf-8"
    value, same = json.loads(answers[0].content), yaml.safe_load(answers[1].text)
    assert type(value) is type(same)
    assert not isinstance(value, dict) or value.keys() == same.keys()
    assert "default-src 'none'" in answers[2].headers["content-security-policy"]
    for accept in ("text/plain", "*/*", "image/png"):
        refused = oar.get(path, headers={"Accept": accept})
        assert (refused.status_code, refused.json()["code"]) == (406, 406)


def test_what_is_allowed_is_told(oar: httpx.Client, job: int) -> None:
    """Section 5: a success says which methods its resource has."""
    for path, allowed in READS:
        reply = oar.get(f"{path.format(job=job)}.json")
        assert reply.headers.get("allow") == allowed, path


@pytest.mark.parametrize("act", ACTS)
def test_what_is_no_body_starts_nothing(oar: httpx.Client, job: int, act: str) -> None:
    """Sections 2.2, 3 and 7.1: refused with the code in the format, and nothing is done."""
    method, _, path = act.format(job=job).partition(" ")
    before = oar.get("/jobs.json?from=1").json()["total"]
    for kind, bodies in (("application/json", BROKEN), ("text/yaml", BROKEN + UNSAFE)):
        for body in bodies:
            headers = {"Content-Type": kind, "Accept": kind}
            reply = oar.request(method, path, content=body, headers=headers)
            assert reply.status_code == 400, (body[:80], reply.text)
            assert reply.headers["content-type"].startswith(kind)
            refusal = yaml.safe_load(reply.text)
            assert refusal["code"] == 400
            assert refusal["message"]
    for kind in ("text/plain", "application/xml", ""):
        headers = {"Content-Type": kind, "Accept": "application/json"}
        reply = oar.request(method, path, content=b"{}", headers=headers)
        assert reply.status_code == 406, reply.text
    assert oar.get("/jobs.json?from=1").json()["total"] == before


@pytest.mark.parametrize("data", NO_JOBS, ids=lambda data: str(data)[:30])
def test_what_is_no_job_is_refused(oar: httpx.Client, data: dict[str, object]) -> None:
    """Section 7.1: 400 with the reason, and nothing is started."""
    before = oar.get("/jobs.json?from=1").json()["total"]
    reply = oar.post("/jobs.json", json={"command": "true", **data})
    assert reply.status_code == 400, reply.text
    assert reply.json()["message"]
    assert oar.get("/jobs.json?from=1").json()["total"] == before


def test_where_a_filter_goes_wrong_is_said(oar: httpx.Client) -> None:
    """Section 7.3: the refusal names the place."""
    for data in ({"property": "core = 1 AND AND"}, {"resource": "{core = }/core=1"}):
        reply = oar.post("/jobs.json", json={"command": "true", **data})
        assert reply.status_code == 400
        assert "character" in reply.json()["message"] or "at " in reply.json()["message"]


@pytest.mark.parametrize("path", ["/jobs", "/jobs/details", "/jobs/table", "/resources"])
def test_numbers_are_numbers(oar: httpx.Client, path: str) -> None:
    """Sections 4 and 6.6: negative, huge and malformed ones are 400."""
    for query in ("limit=-1", "limit=x", "limit=1e3", "limit=99999999999999999999", "offset=-1"):
        assert oar.get(f"{path}.json?{query}").status_code == 400, query
    assert oar.get(f"{path}.json?limit=1;offset=0").status_code == 200
    assert oar.get(f"{path}.json?offset=99999999").status_code == 200
