"""Bodies of requests and replies: what was said in JSON or a form, and JSON in return."""

from __future__ import annotations

from collections.abc import Mapping

from protocol.errors import GatewayError, Kind
from protocol.http import Reply, Request
from protocol.media import decode_form, decode_object, encode_json

__all__ = ["members", "refused", "said"]

_MAX_BODY = 1 << 20
_JSON = "application/json; charset=utf-8"


def members(request: Request) -> Mapping[str, object]:
    """The members of the object in a body, or the fields of a form.

    The Content-Type is not looked at: the sample calls send JSON and call it a form. In a form,
    ``input_files`` is a list with commas.
    """
    body = request.body.strip()
    if len(request.body) > _MAX_BODY:
        raise GatewayError(Kind.INVALID, f"the body is larger than {_MAX_BODY} bytes")
    if body[:1] in {b"{", b"["} or b"=" not in body:
        return decode_object(body, lenient=True)
    fields: dict[str, object] = dict(decode_form(body))
    files = fields.get("input_files")
    if isinstance(files, str):
        fields["input_files"] = [name.strip() for name in files.split(",") if name.strip()]
    return fields


def said(status: int, value: object, headers: Mapping[str, str] | None = None) -> Reply:
    """A value as the body of a reply."""
    return Reply(status, encode_json(value), _JSON, headers or {})


def refused(
    status: int,
    kind: Kind,
    message: str,
    headers: Mapping[str, str] | None = None,
    field: str = "",
) -> Reply:
    """``{"error": text}``, with the kind and the field at fault for programs."""
    # A message may quote what a client sent; JSON cannot say every string that Python can hold.
    text = message.encode("utf-8", "replace").decode()
    value = {"error": text, "code": kind.value}
    return said(status, value | {"field": field} if field else value, headers)
