"""OAR's pages, files, rules and configuration over HTTP, as a person and as a program use them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from tests.support.served import Served, admin_password
from tests.support.waiting import wait_until_sync

BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64)", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def browser(served: Served) -> Iterator[httpx.Client]:
    """The administrator's browser, which remembers a password."""
    password = admin_password(served.data)
    with httpx.Client(
        base_url=f"{served.url}/oarapi",
        auth=("admin", password),
        headers={**BROWSER, "Origin": served.url},
        timeout=30,
    ) as client:
        yield client


def token_of(page: httpx.Response) -> str:
    """What the forms of a page hold."""
    assert page.status_code == 200, page.text
    found = re.search(r'name="_form_token" value="([0-9a-f]{64})"', page.text)
    assert found is not None
    return found[1]


def test_a_job_by_hand(browser: httpx.Client) -> None:
    """Section 14: the form is filled in and sent, the job is seen, held back and deleted."""
    token = token_of(browser.get("/jobs/form.html"))
    form = {"command": "sleep 60 # <b>", "resource": "", "name": "by-hand", "_form_token": token}
    sent = browser.post("/jobs.html", data=form)
    assert sent.status_code == 201, sent.text
    number = int(re.findall(r"OAR_JOB_ID=(\d+)", sent.text)[0])
    page = browser.get(f"/jobs/{number}.html")
    assert "sleep 60 # &lt;b&gt;" in page.text
    assert f"/jobs/{number}.html" in browser.get("/jobs.html").text
    deletion = f"/jobs/{number}/deletions/new.html"
    assert browser.post(deletion, data={"_form_token": "0" * 64}).status_code == 403
    assert browser.post(deletion).status_code == 403
    done = browser.post(deletion, data={"_form_token": token_of(page)})
    assert done.status_code == 202, done.text


def test_another_site_submits_nothing(browser: httpx.Client, oar: httpx.Client) -> None:
    """Section 14: neither with a foreign origin nor without a token."""
    before = oar.get("/jobs").json()["total"]
    form = {"command": "true"}
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    token = token_of(browser.get("/jobs/form.html"))
    tries: tuple[tuple[dict[str, str], dict[str, str]], ...] = (
        (foreign, {**form, "_form_token": token}),
        (foreign, form),
        ({}, form),
    )
    for headers, data in tries:
        assert browser.post("/jobs.html", data=data, headers=headers).status_code == 403
    assert oar.get("/jobs").json()["total"] == before


def test_everybody_sees_the_first_page_and_its_style(served: Served) -> None:
    """Section 5: a page that says where one is; its style is a file."""
    page = httpx.get(f"{served.url}/oarapi/index.html")
    assert page.status_code == 200, page.text
    assert "Welcome on the oar API" in page.text
    style = httpx.get(f"{served.url}/oarapi/style.css")
    assert (style.status_code, style.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert "prefers-color-scheme: dark" in style.text
    assert httpx.get(f"{served.url}/oarapi/jobs/form.html").status_code == 401


def test_files(oar: httpx.Client) -> None:
    """Section 13: put, listed, read, its tail, its mode, replaced by force, and deleted."""
    raw = {"Content-Type": "application/octet-stream"}
    put = oar.post("/media/~/m/a.txt", content=b"1\n2\n3\n", headers=raw)
    assert put.status_code == 201, put.text
    assert put.json()["success"] == "true"
    again = oar.post("/media/~/m/a.txt", content=b"x", headers=raw)
    assert (again.status_code, again.json()["message"]) == (403, "File already exists")
    assert oar.get("/media/~/m/a.txt", params={"tail": 2}).content == b"2\n3\n"
    assert oar.post("/media/chmod/~/m/a.txt", json={"mode": "a+x"}).status_code == 202
    (item,) = oar.get("/media/ls/~/m").json()["items"]
    assert (item["name"], item["mode"], item["size"]) == ("a.txt", 0o100711, 6)
    assert oar.post("/media/force/~/m/a.txt", files={"file": b"new"}).status_code == 201
    assert oar.get("/media/home/admin/m/a.txt").content == b"new"
    missing = oar.get("/media/~/gone")
    assert (missing.status_code, missing.json()["message"]) == (404, "File not found: /~/gone")
    for path in ("/media/etc/passwd", "/media/ls/home/ann", "/media/~/a%00b"):
        assert oar.get(path).status_code in {400, 403}
    assert oar.delete("/media/~/m").status_code == 204
    assert oar.get("/media/ls/~/m").status_code == 404


def test_rules_and_configuration(served: Served, oar: httpx.Client) -> None:
    """Sections 11 and 12: kept, shown, inert if they are Perl; only for administrators."""
    made = oar.post("/admission_rules", json={"rule": "print `id`;", "enabled": "YES"})
    assert made.status_code == 201, made.text
    rule = made.json()
    assert (rule["enabled"], rule["rule"]) == ("NO", "print `id`;")
    assert rule["note"]
    one = made.headers["location"].removeprefix("/oarapi")
    assert oar.get(one).json()[0]["links"] == {"rel": "self", "href": made.headers["location"]}
    assert oar.post(one, json={"enabled": "YES"}).status_code == 400
    changed = oar.post(one, json={"rule": "then: [{say: hello}]", "enabled": "YES"})
    assert (changed.status_code, changed.json()["enabled"]) == (201, "YES")
    assert oar.delete(one).json()["status"] == "deleted"
    assert oar.get(one).status_code == 404
    listed = oar.get("/admission_rules", params={"limit": 2}).json()
    assert [item["id"] for item in listed["items"]] == [1, 2]
    assert listed["total"] == 17
    names = [item["id"] for item in oar.get("/config").json()]
    assert "API_DEFAULT_MAX_ITEMS_NUMBER" in names
    assert oar.get("/config/DB_TYPE").json()[0]["value"] == "none"
    assert oar.get("/config/DB_BASE_PASSWD").status_code == 404
    assert oar.post("/config/DB_TYPE", json={"value": "x"}).status_code == 403
    assert oar.post("/config/DB_TYPE", json={"x": 1}).status_code == 400
    assert 'DB_TYPE="none"' in oar.get("/config/file").json()["file"]
    for path in ("/admission_rules.json", "/config.json", "/config/file.json"):
        assert httpx.get(f"{served.url}/oarapi{path}").status_code == 401


def test_rules_are_applied_to_submissions(oar: httpx.Client) -> None:
    """Section 11: a refusal is 400 with the rule's text; what is admitted is what runs."""
    plain = oar.post("/jobs", json={"command": "true"})
    assert plain.status_code == 201, plain.text
    assert "[ADMISSION RULE] Set default walltime to 7200.\n" in plain.json()["cmd_output"]
    text = "if: name = 'never'\nthen: [{deny: not today}]"
    deny = oar.post("/admission_rules", json={"rule": text}).headers["location"]
    clip = oar.post(
        "/admission_rules", json={"rule": "then: [{max: {walltime: 60, clip: true}}]"}
    ).headers["location"]
    try:
        refused = oar.post("/jobs", json={"command": "true", "name": "never"})
        assert (refused.status_code, refused.json()["message"]) == (400, "not today")
        made = oar.post("/jobs", json={"command": "true", "resource": "/core=1,walltime=5"})
        assert oar.get(f"/jobs/{made.json()['id']}").json()["walltime"] == 60
    finally:
        for rule in (deny, clip):
            assert oar.delete(rule.removeprefix("/oarapi")).status_code == 200


def test_what_a_job_prints_is_a_file_of_its_owner(oar: httpx.Client) -> None:
    """Section 13: ~/OAR.<id>.stdout and stderr, by their last lines, and files at its end."""
    code = "for i in 1 2 3; do echo out $i; echo err $i >&2; done; sleep 60"
    number = oar.post("/jobs", json={"command": code}).json()["id"]
    file = f"/media/~/OAR.{number}.stdout"
    wait_until_sync(lambda: "out 3" in oar.get(file).text, "the job to print", 30)
    assert oar.get(file).content == b"out 1\nout 2\nout 3\n"
    assert oar.get(file, params={"tail": 2}).content == b"out 2\nout 3\n"
    errors = oar.get(f"/media/~/OAR.{number}.stderr", params={"tail": 1})
    assert errors.content == b"err 3\n"
    assert oar.get(f"/media/~/OAR.{number + 1000}.stdout").status_code == 404
    assert oar.delete(f"/jobs/{number}").status_code == 202

    def listed() -> set[str]:
        return {item["name"] for item in oar.get("/media/ls/~/").json()["items"]}

    files = {f"OAR.{number}.stdout", f"OAR.{number}.stderr"}
    wait_until_sync(lambda: files <= listed(), "the files to be written at its end", 30)
    assert oar.get(file).content == b"out 1\nout 2\nout 3\n"
    for name in files:
        assert oar.delete(f"/media/~/{name}").status_code == 204
    assert not files & listed()
