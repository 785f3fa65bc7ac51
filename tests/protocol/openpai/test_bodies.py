"""Bodies of OpenPAI's clients, contract 0.2: JSON and forms under right and wrong names."""

import pytest

from protocol.dialects.openpai.bodies import body_object, body_value
from protocol.dialects.openpai.refusal import code_of
from protocol.errors import GatewayError
from protocol.http import Request

FORM = "application/x-www-form-urlencoded"


def request(body: str, kind: str | None) -> Request:
    """A request with a body of a type."""
    headers = {} if kind is None else {"content-type": kind}
    return Request("POST", "/api/v1/token", {}, {}, headers, body.encode(), user="ann")


@pytest.mark.parametrize(
    ("body", "kind", "value"),
    [
        ("", "application/json", {}),
        ("  ", None, {}),
        ('{"a": 1}', "application/json", {"a": 1}),
        ('{"a": 1}', "text/plain", {"a": 1}),
        ('{"a": 1}', None, {"a": 1}),
        ("username=a&password=b%26", "application/json", {"username": "a", "password": "b&"}),
        ("username=a", "text/plain", {"username": "a"}),
        ("a=1", FORM, {"a": "1"}),
        ("jobEnvs[A]=x", FORM, {"jobEnvs": {"A": "x"}}),
        ("list[]=x&list[]=y", FORM, {"list": ["x", "y"]}),
        ("r[0][name]=a&r[1][name]=b", FORM, {"r": [{"name": "a"}, {"name": "b"}]}),
        ("r[10]=k&r[2]=c", FORM, {"r": ["c", "k"]}),
        (
            "r[0][p][0][label]=w&r[0][p][0][n]=1",
            FORM,
            {"r": [{"p": [{"label": "w", "n": "1"}]}]},
        ),
        ("r[0]=a&r[x]=b", FORM, {"r": {"0": "a", "x": "b"}}),
    ],
)
def test_what_a_body_says(body: str, kind: str | None, value: object) -> None:
    """The type that a client names is a hint; what the body looks like decides."""
    assert body_value(request(body, kind)) == value


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("{", "application/json"),
        ("[1]", "application/json"),
        ("word", "text/plain"),
        ("--x", "multipart/form-data; boundary=x"),
        ("a[b=1", FORM),
        ("0=a&1=b", FORM),
        ("a=%FF", FORM),
    ],
)
def test_what_is_no_body(body: str, kind: str) -> None:
    """0.2: malformed bodies are refused with the code of the dialect."""
    with pytest.raises(GatewayError) as caught:
        body_object(request(body, kind))

    assert code_of(caught.value) == (400, "InvalidParametersError")
