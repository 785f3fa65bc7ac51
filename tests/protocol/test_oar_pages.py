"""Pages of the OAR dialect (contract, section 14): escaped, closed to other sites, usable."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from protocol.dialects.oar import OarDialect
from protocol.dialects.oar.faults import OarError
from protocol.dialects.oar.formats import Answer, hash_of, reply_of
from protocol.dialects.oar.pages.form_token import check_form
from protocol.dialects.oar.pages.markup import Markup, link, tag, text
from protocol.errors import GatewayError, Kind
from protocol.http import Reply, Request
from protocol.media import JsonObject, JsonValue
from protocol.routing import Router

EVIL = "<script>alert(1)</script>\"'&"
SHOWN = "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#x27;&amp;"
BASIC = {"authorization": "Basic YW5uOng="}
FORM = {"content-type": "application/x-www-form-urlencoded"}
TOKEN = "f" * 64


def request(path: str, **said: object) -> Request:
    """A request of ann's browser for a page."""
    asked = Request(
        "GET",
        path,
        suffix="html",
        user="ann",
        base="http://gate",
        target=f"{path}.html",
        form_token=TOKEN,
    )
    return replace(asked, **said)  # type: ignore[arg-type]


def page(value: JsonValue, path: str) -> str:
    """The page of an answer."""
    reply = reply_of(Answer(value), request(path))
    return text_of(reply)


def text_of(reply: Reply) -> str:
    """The page in a reply, whose head is that of every page."""
    assert reply.content_type == "text/html; charset=utf-8"
    policy = reply.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert isinstance(reply.body, bytes)
    body = reply.body.decode()
    assert "OAR REST API" in body
    assert not re.search(r"<script|<style| style=| on[a-z]+=|javascript:", body)
    return body


def test_whatever_a_job_says_is_text() -> None:
    """Section 14: all data is escaped, in the table, in the facts and in the YAML."""
    item: JsonObject = {
        "id": 7,
        "state": EVIL,
        "owner": EVIL,
        "name": EVIL,
        "queue": EVIL,
        "links": [],
    }
    listed = page({"items": [item], "total": 1, "links": []}, "/oarapi/jobs")
    assert listed.count("&lt;script&gt;") >= 8
    facts = page({**item, "command": EVIL, "message": EVIL}, "/oarapi/jobs/7")
    assert SHOWN in facts
    assert 'href="/oarapi/jobs/7.html"' in listed


def test_links_lead_to_pages_of_ours_and_nowhere_else() -> None:
    """Section 4: hrefs of the YAML are links to pages; a text that looks like one is none."""
    value: JsonValue = {
        "links": [{"rel": "self", "href": "/oarapi/jobs?state=a%2Cb&offset=0"}],
        "name": "href: //evil/x",
        "href": "//evil.example/x",
    }
    shown = page(value, "/oarapi/jobs/7/x")
    assert '<A HREF="/oarapi/jobs.html?state=a%2Cb&amp;offset=0">' in shown
    assert "//evil/x\n" in shown.replace("&quot;", "\n")
    assert 'HREF="//evil' not in shown
    assert link("//evil", "x") == "x"
    assert link("javascript:alert(1)", "x") == "x"


@pytest.mark.parametrize(
    ("state", "usable"),
    [
        ("Waiting", {"deletions", "holds"}),
        ("Hold", {"deletions", "resumptions"}),
        ("Running", {"deletions", "rholds", "checkpoints"}),
        ("Suspended", {"deletions", "resumptions"}),
        ("Terminated", {"resubmissions"}),
        ("Launching", {"deletions"}),
    ],
)
def test_a_job_can_be_acted_on(state: str, usable: set[str]) -> None:
    """Section 14: forms for each action, with the token; what the state forbids is disabled."""
    shown = page({"id": 7, "state": state, "command": "x"}, "/oarapi/jobs/7")
    forms = re.findall(r'action="/oarapi/jobs/7/(\w+)/new.html">(.*?)</form>', shown, re.DOTALL)
    assert {name for name, inner in forms if " disabled" not in inner} == usable
    assert ("rholds" in dict(forms)) is (state == "Running")
    assert all(f'name="_form_token" value="{TOKEN}"' in inner for _, inner in forms)


@pytest.mark.parametrize(
    ("path", "action", "fields"),
    [
        ("jobs/form", "jobs", "resource name property command type reservation directory"),
        ("form", "jobs", "command"),
        ("resources/form", "resources/generate", "resources properties"),
        ("admission_rules/form", "admission_rules", "rule"),
    ],
)
def test_forms_post_what_programs_post(path: str, action: str, fields: str) -> None:
    """Section 14: addresses and names of fields."""
    route = Router(OarDialect({}).routes).match("GET", f"/oarapi/{path}")
    asked = request(f"/oarapi/{path}")
    route.route.parse(asked)  # type: ignore[union-attr]
    shown = text_of(route.route.render(None, asked))  # type: ignore[union-attr]
    assert f'<form method="post" action="/oarapi/{action}.html"' in shown
    for name in (*fields.split(), "_form_token"):
        assert f'name="{name}"' in shown
    with pytest.raises(GatewayError) as error:
        route.route.parse(replace(asked, suffix="json"))  # type: ignore[union-attr]
    assert error.value.kind is Kind.NOT_FOUND


def test_described_resources_can_be_made() -> None:
    """Section 14: the answer of generate offers a form with yaml_array."""
    value: JsonValue = {"items": [{"network_address": "n1", "cpu": "1"}], "total": 1}
    shown = page(value, "/oarapi/resources/generate")
    assert 'action="/oarapi/resources.html"' in shown
    assert re.search(r'<textarea name="yaml_array"[^>]*>\n- network_address: n1\n', shown)


def test_a_refusal_is_a_page() -> None:
    """Section 3: title, heading and message, escaped."""
    reply = OarDialect({}).refuse(GatewayError(Kind.INVALID, EVIL), request("/oarapi/jobs/x"))
    shown = text_of(reply)
    assert reply.status == 400
    assert "<title>Bad query</title>" in shown
    assert "<h1>Bad query</h1>" in shown
    assert f"<p><PRE>\n{SHOWN}\n</PRE></p>" in shown


POSTED = request("/oarapi/jobs", method="POST", body=b"command=x&_form_token=" + TOKEN.encode())
BROWSER = {**BASIC, **FORM, "user-agent": "Mozilla/5.0 (X11)"}


def test_a_form_of_ours_comes_back() -> None:
    """Section 14: with its token it counts, and the token is no field of the submission."""
    ours = replace(POSTED, headers={**BROWSER, "origin": "http://gate"})
    check_form(ours)
    assert hash_of(ours, "submission") == {"command": "x"}


@pytest.mark.parametrize(
    "headers",
    [
        BROWSER,
        {**BASIC, **FORM, "origin": "http://gate"},
        {**BASIC, **FORM, "referer": "http://gate/oarapi/jobs.html"},
        {**BASIC, **FORM, "sec-fetch-site": "same-origin"},
        {**BROWSER, "content-type": "text/plain"},
        {**BROWSER, "content-type": "multipart/form-data; boundary=x"},
        {"authorization": BASIC["authorization"], "user-agent": "Mozilla/5.0"},
    ],
)
def test_a_form_of_another_site_does_not_count(headers: dict[str, str]) -> None:
    """Section 14: without the token, or with another's, a browser's post is refused."""
    for body in (b"command=x", b"command=x&_form_token=", b"_form_token=" + b"e" * 64):
        with pytest.raises(OarError) as error:
            check_form(replace(POSTED, headers=headers, body=body))
        assert error.value.status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {**BASIC, **FORM},
        {**BASIC, **FORM, "user-agent": "curl/8"},
        {**BROWSER, "content-type": "application/json"},
        {**BROWSER, "content-type": "text/yaml; charset=utf-8"},
        {**FORM, "authorization": "Bearer x", "user-agent": "Mozilla/5.0"},
    ],
)
def test_programs_need_no_token(headers: dict[str, str]) -> None:
    """Section 20: a form may be posted with a password by what is no browser."""
    check_form(replace(POSTED, headers=headers, body=b"command=x"))


def test_markup_escapes_attributes() -> None:
    """Nothing leaves an attribute."""
    assert tag("input", value='"><script>') == '<input value="&quot;&gt;&lt;script&gt;">'
    assert tag("a", Markup("x"), class_="b", disabled=False, required=True) == (
        '<a class="b" required>x</a>'
    )
    assert (text(None), text(3)) == ("", "3")
