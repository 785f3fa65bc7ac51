"""What a dialect is given of a request, and which credentials count, over a real gateway."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.support.gateway import PASSWORD, Gateway, serving_gateway
from tests.support.packages import install

CONFIG = """
[dialects.echo]
mount = "/echo"
origins = ["https://jobs.example"]
[dialects.open_echo]
mount = "/open"
origins = ["*"]
"""
ANN = ("ann", PASSWORD)


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that speaks it."""
    site = tmp_path_factory.mktemp("site")
    install(Path(__file__).with_name("echo"), site)
    config = site / "config.toml"
    config.write_text(CONFIG)
    data = tmp_path_factory.mktemp("echo") / "data"
    with serving_gateway(data, "--config", str(config), PYTHONPATH=str(site)) as found:
        yield found


@pytest.fixture
def anybody(echo: Gateway) -> Iterator[httpx.Client]:
    """A client without any credential."""
    with echo.client("") as client:
        yield client


def seen(reply: httpx.Response) -> dict[str, Any]:
    """What the dialect saw."""
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


def test_a_dialect_is_given_the_whole_request(echo: Gateway, anybody: httpx.Client) -> None:
    """Public base, raw target, path, tail, suffix, and every value of the query."""
    found = seen(anybody.get("/echo/see/a/b%20c?x=1&y=%C3%BC&x=2", auth=ANN))
    assert found["user"] == "ann"
    assert found["base"] == f"{echo.url}/echo"
    assert found["target"] == "/echo/see/a/b%20c?x=1&y=%C3%BC&x=2"
    assert (found["path"], found["rest"], found["suffix"]) == ("/see/a/b c", "a/b c", "")
    assert found["query"] == [["x", "1"], ["y", "\u00fc"], ["x", "2"]]
    assert seen(anybody.get("/echo/see/exactly", auth=ANN))["rest"] == ""
    assert anybody.get("/echo/see", auth=ANN).status_code == 404


def test_a_suffix_chooses_the_format_of_answers_and_errors(anybody: httpx.Client) -> None:
    """It is taken off the path, and known to a refusal as well."""
    reply = anybody.get("/echo/see/42.yaml", auth=ANN)
    assert reply.headers["content-type"].startswith("text/yaml")
    found = yaml.safe_load(reply.text)
    assert (found["rest"], found["suffix"]) == ("42", "yaml")
    refused = anybody.get("/echo/see/42.yaml")
    assert refused.status_code == 401
    assert yaml.safe_load(refused.text)["suffix"] == "yaml"
    assert seen(anybody.get("/open/see/42.yaml", headers=bearer(anybody)))["rest"] == "42.yaml"


def bearer(client: httpx.Client) -> dict[str, str]:
    """A token from a login."""
    body = {"userName": "ann", "password": PASSWORD}
    reply = client.post("/api/rest_j/v1/user/login", json=body)
    token = reply.cookies["linkis_user_session_ticket_id_v1"]
    client.cookies.clear()
    return {"Authorization": f"Bearer {token}"}


def test_forms_and_yaml_are_read(anybody: httpx.Client) -> None:
    """Both kinds of form with repeated and nested names, and a document of YAML."""
    form = {"job[name]": "x", "tag": ["a", "b"], "l[]": ["1", "2"]}
    plain = seen(anybody.post("/echo/see/x", auth=ANN, data=form))["body"]
    fields = {"job": {"name": "x"}, "tag": ["a", "b"], "l": ["1", "2"]}
    assert plain == {"fields": fields, "files": {}}
    files = {"file": ("a.sh", b"\x00\r\n\xff")}
    mixed = seen(anybody.post("/echo/see/x", auth=ANN, data=form, files=files))["body"]
    assert mixed == {"fields": fields, "files": {"file": ["a.sh", 4]}}
    headers = {"Content-Type": "text/yaml"}
    document = b"a: &x [yes, 010]\nb: *x\n"
    found = seen(anybody.post("/echo/see/x", auth=ANN, content=document, headers=headers))["body"]
    assert found == {"a": ["yes", 10], "b": ["yes", 10]}
    for bad in (b"!!python/object:os.system x", b"[" * 9000, b"\xff", b"a: *b"):
        refused = anybody.post("/echo/see/x", auth=ANN, content=bad, headers=headers)
        assert refused.status_code == 400


def test_large_yaml_keeps_nobody_waiting(anybody: httpx.Client, echo: Gateway) -> None:
    """While threads read documents of the greatest size, others are answered at once."""
    body = b"- a\n" * 19_000
    headers = {"Content-Type": "text/yaml"}

    def post() -> int:
        with echo.client("") as client:
            return client.post("/echo/see/x", auth=ANN, content=body, headers=headers).status_code

    seen(anybody.get("/echo/see/x", auth=ANN))
    with ThreadPoolExecutor(4) as pool:
        posted = [pool.submit(post) for _ in range(8)]
        slowest = 0.0
        while not all(one.done() for one in posted):
            began = time.monotonic()
            seen(anybody.get("/echo/see/x", auth=ANN))
            slowest = max(slowest, time.monotonic() - began)
        assert {one.result() for one in posted} == {200}
    assert slowest < 2.0


def test_a_password_is_taken_where_the_dialect_takes_one(anybody: httpx.Client) -> None:
    """And nowhere else; a wrong one is like none, in any spelling."""
    assert seen(anybody.get("/echo/see/x", auth=("ANN", PASSWORD)))["user"] == "ann"
    for auth in (("ann", "wrong"), ("nobody", PASSWORD), ("", ""), ("ann", "")):
        assert anybody.get("/echo/see/x", auth=auth).status_code == 401
    for value in (
        "Basic",
        "Basic !!",
        "Basic YW5u",
        "Basic " + "A" * 9000,
        "Digest x",
        "basic /w==",
    ):
        reply = anybody.get("/echo/see/x", headers={"Authorization": value})
        assert reply.status_code == 401, value
    assert anybody.get("/open/see/x", auth=ANN).status_code == 401
    assert anybody.get("/api/job/list_jobs", auth=ANN).status_code == 401
    assert seen(anybody.get("/echo/see/x", headers=bearer(anybody)))["user"] == "ann"


def test_a_password_with_each_request_is_cheap(anybody: httpx.Client) -> None:
    """After the first it is looked at no more for a minute: fifty take less than a few would."""
    seen(anybody.get("/echo/see/x", auth=ANN))
    began = time.monotonic()
    anybody.get("/echo/see/x", auth=("ann", "wrong"))
    hashed = time.monotonic() - began
    began = time.monotonic()
    for _ in range(50):
        seen(anybody.get("/echo/see/x", auth=ANN))
    assert time.monotonic() - began < max(50 * hashed * 0.8, 2.0)


def test_guessing_is_slowed_down(echo: Gateway) -> None:
    """Wrong passwords with requests count like those at a login."""
    with echo.client("") as client:
        statuses = [client.get("/echo/see/x", auth=("bob", f"w{n}")).status_code for n in range(12)]
    assert statuses.count(429) >= 1
    assert set(statuses) <= {401, 429}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Origin": "https://jobs.example", "Sec-Fetch-Site": "cross-site"}, 200),
        ({}, 200),
    ],
)
def test_a_password_that_a_browser_remembers_is_for_its_own_pages(
    anybody: httpx.Client, headers: dict[str, str], status: int
) -> None:
    """Another site cannot make a browser use it, for reading or for a form."""
    assert anybody.get("/echo/see/x", auth=ANN, headers=headers).status_code == status
    reply = anybody.post("/echo/see/x", auth=ANN, headers=headers, data={"a": "1"})
    assert reply.status_code == status


def test_origins_are_opened_for_each_dialect(anybody: httpx.Client) -> None:
    """A named origin with credentials, any origin without, and neither for the dialect beside."""
    asked = {"Access-Control-Request-Method": "POST"}
    named = {"Origin": "https://jobs.example"}
    reply = anybody.options("/echo/see/x", headers=asked | named)
    assert reply.status_code == 204
    assert reply.headers["access-control-allow-origin"] == "https://jobs.example"
    assert reply.headers["access-control-allow-credentials"] == "true"
    other = {"Origin": "https://anything.example"}
    reply = anybody.get("/open/see/x", headers=other | bearer(anybody))
    assert seen(reply)["user"] == "ann"
    assert reply.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in reply.headers
    assert anybody.options("/open/see/x", headers=asked | other).status_code == 204
    for path in ("/api/rest_j/v1/jobhistory/list", "/echo/see/x"):
        refused = anybody.get(path, headers=other | bearer(anybody))
        assert refused.status_code == 403
        assert "access-control-allow-origin" not in refused.headers
