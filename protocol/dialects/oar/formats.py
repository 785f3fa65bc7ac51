"""YAML, JSON and HTML: which of them a request wants, what it sends, and how an answer is written.

OAR document, *Formats and data structure types*. The suffix of the path decides, then ``Accept``,
then the type of the body. Of a list in ``Accept`` the first type that is known counts, unlike OAR,
which compares the whole of it. Every answer is UTF-8 and says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from protocol.dialects.oar.faults import OarError, bad_query, missing
from protocol.dialects.oar.pages.answer import answer_page, refusal_page
from protocol.dialects.oar.pages.form_token import without_token
from protocol.dialects.oar.pages.layout import HEADERS
from protocol.errors import GatewayError, Kind
from protocol.forms import FormValues, nested
from protocol.http import Reply, Request
from protocol.media import JsonObject, JsonValue, decode_json, decode_pairs, encode_json
from protocol.yaml_document import decode_yaml, encode_yaml

__all__ = [
    "Answer",
    "Format",
    "address",
    "chosen",
    "data_of",
    "hash_of",
    "located",
    "now_of",
    "query_of",
    "refusal",
    "reply_of",
    "wanted",
]

MAX_BYTES = 1024 * 1024
_MEDIA = "media"


class Format(StrEnum):
    """How an answer is written."""

    YAML = "yaml"
    JSON = "json"
    HTML = "html"


_TYPES = {
    "text/yaml": Format.YAML,
    "application/json": Format.JSON,
    "text/html": Format.HTML,
    "application/octet-stream": Format.YAML,
}
_SENT = {**_TYPES, "multipart/form-data": Format.HTML}
_WRITTEN = {Format.YAML: "text/yaml", Format.JSON: "application/json", Format.HTML: "text/html"}
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is told: a value that JSON can say, with the status and the address of what was made."""

    value: JsonValue
    status: int = 200
    location: str = ""
    headers: dict[str, str] = field(default_factory=dict)


def located(path: str) -> tuple[str, str]:
    """A path without the suffix that names a format, and the suffix; of files it stays."""
    head, _, last = path.rpartition("/")
    parts = path.split("/")
    if _MEDIA in parts[2:3]:
        return path, ""
    for one in Format:
        if last.endswith(f".{one}"):
            return f"{head}/{last.removesuffix(f'.{one}')}", str(one)
    return path, ""


def wanted(request: Request) -> Format | None:
    """The format of the answer, None if the request names none that is known."""
    suffix = request.suffix or located(request.path)[1]
    if suffix:
        return Format(suffix)
    for part in request.headers.get("accept", "").split(","):
        found = _TYPES.get(_media(part))
        if found is not None:
            return found
    return _SENT.get(_media(request.headers.get("content-type", "")))


def chosen(request: Request) -> Format:
    """The format of the answer.

    Raises:
        OarError: 406 if the request names none that is known.
    """
    found = wanted(request)
    if found is None:
        asked = request.headers.get("accept", "")[:100]
        raise OarError(
            Kind.UNSUPPORTED,
            f"Invalid content type required {asked}".strip(),
            "Valid types are text/yaml, application/json or text/html",
        )
    return found


def query_of(request: Request) -> FormValues:
    """The query of a request; ``;`` parts fields as ``&`` does.

    Raises:
        GatewayError: INVALID if it is malformed.
    """
    query = urlsplit(request.target).query if request.target else ""
    return FormValues(decode_pairs(query.replace(";", "&"))) if query else FormValues()


def data_of(request: Request, thing: str) -> JsonValue:
    """What the body says.

    Raises:
        OarError: 406 for another type, 400 for what cannot be read or is not there.
        GatewayError: TOO_LARGE.
    """
    media = _media(request.headers.get("content-type", ""))
    known = _SENT.get(media)
    if known not in {Format.YAML, Format.JSON} and media != _FORM:
        raise OarError(
            Kind.UNSUPPORTED,
            "Bad content type",
            f"The correct format for a {thing} request is text/yaml or application/json.",
        )
    if len(request.body) > MAX_BYTES:
        raise GatewayError(Kind.TOO_LARGE, f"a body has at most {MAX_BYTES} bytes")
    if not request.body.strip():
        raise missing(f"A {thing} request needs data")
    if media == _FORM:
        return nested(without_token(request.form().values))
    try:
        return decode_yaml(request.body) if known is Format.YAML else decode_json(request.body)
    except GatewayError as error:
        if error.kind is not Kind.INVALID:
            raise
        name = "YAML" if known is Format.YAML else "JSON"
        raise OarError(Kind.INVALID, f"{name} data not understood", error.message) from error


def hash_of(request: Request, thing: str) -> JsonObject:
    """What the body says, which has to be a hash.

    Raises:
        OarError, GatewayError: as ``data_of``.
    """
    data = data_of(request, thing)
    if not isinstance(data, dict):
        raise bad_query(f"The data of a {thing} request is a hash")
    return data


def now_of(request: Request) -> int:
    """When the answer is built, in seconds since the epoch."""
    return request.now_ms // 1000


def address(request: Request, path: str = "") -> str:
    """The address of a path of this API, as it stands in links: absolute, without a host."""
    before = urlsplit(request.base).path.rstrip("/")
    mount = request.path.split("/")[1] if request.path.count("/") else ""
    return f"{before}/{mount}{path}"


def reply_of(answer: Answer, request: Request, allow: str = "") -> Reply:
    """The reply that says this answer in the format that the request wants."""
    form = chosen(request)
    headers = dict(answer.headers)
    if allow:
        headers["Allow"] = allow
    if answer.location:
        headers["Location"] = answer.location + (".html" if form is Format.HTML else "")
    if form is Format.HTML:
        body = answer_page(answer.value, address(request), request)
        return Reply(answer.status, body, "text/html; charset=utf-8", {**headers, **HEADERS})
    body = _written(answer.value, form)
    return Reply(answer.status, body, f"{_WRITTEN[form]}; charset=utf-8", headers)


def refusal(error: JsonObject, request: Request, status: int, headers: Mapping[str, str]) -> Reply:
    """The reply that refuses a request: in JSON if the request names no format."""
    form = wanted(request) or Format.JSON
    kind = f"{_WRITTEN[form]}; charset=utf-8"
    if form is Format.HTML:
        title, message = str(error["title"]), str(error["message"])
        body = refusal_page(title, message, address(request), request)
        return Reply(status, body, kind, {**headers, **HEADERS})
    return Reply(status, _written(error, form), kind, headers)


def _written(value: JsonValue, form: Format) -> bytes:
    if form is Format.JSON:
        return encode_json(value) + b"\n"
    return b"---\n" + encode_yaml(value)


def _media(text: str) -> str:
    return text.partition(";")[0].strip().lower()
