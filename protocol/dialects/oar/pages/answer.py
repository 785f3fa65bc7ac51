"""Answers and refusals as pages: the YAML that programs get, with what a person can do above it."""

from __future__ import annotations

from protocol.dialects.oar.pages.layout import TITLE, document
from protocol.dialects.oar.pages.leads import heading, lead
from protocol.dialects.oar.pages.markup import Markup, is_ours, joined, tag, text
from protocol.http import Request
from protocol.media import JsonValue
from protocol.yaml_document import encode_yaml

__all__ = ["answer_page", "refusal_page"]

_MARK = "href: "


def answer_page(value: JsonValue, base: str, request: Request) -> bytes:
    """An answer; ``base`` is the mount that its links stand below."""
    path = "/" + "/".join(request.path.split("/")[2:])
    yaml = _linked(f"---\n{encode_yaml(value).decode()}")
    shown, above = Markup(f"<PRE>\n{yaml}</PRE>"), lead(value, path, base, request)
    if above:  # it says the same to a person
        shown = tag("details", joined((tag("summary", text("What programs get")), shown)))
    body = joined((above, shown))
    return document(heading(path) or TITLE, body, base, request.user)


def refusal_page(title: str, message: str, base: str, request: Request) -> bytes:
    """A refusal."""
    body = Markup(f"<p><PRE>\n{text(message)}\n</PRE></p>")
    return document(title, body, base, request.user, title=title)


def _linked(yaml: str) -> Markup:
    """Text for a page, in which what stands behind ``href:`` is a link to another page."""
    lines: list[Markup] = []
    for line in yaml.split("\n"):
        before, mark, address = line.partition(_MARK)
        address = address.removeprefix('"').removesuffix('"')
        if mark and not before.strip(" -") and is_ours(address):
            shown = tag("A", text(address), HREF=_of_page(address))
            lines.append(Markup(f"{text(before)}{mark}{shown}"))
        else:
            lines.append(text(line))
    return joined(lines)


def _of_page(address: str) -> str:
    path, mark, query = address.partition("?")
    suffix = "" if path.endswith(".html") else ".html"
    return f"{path}{suffix}{mark}{query}"
