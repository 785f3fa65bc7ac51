"""The documents as a page that a person reads: no script, no style of another origin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

import orjson

__all__ = ["page"]

_STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 0 auto; padding: 1rem; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid; }
details { border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); }
summary { padding: .35rem 0; cursor: pointer; overflow-wrap: anywhere; }
code, pre { font: 13px/1.45 ui-monospace, monospace; }
pre { overflow-x: auto; padding: .6rem; }
.method { display: inline-block; min-width: 4.5rem; font-weight: 600; }
table { border-collapse: collapse; } td, th { text-align: left; padding: .1rem 1rem .1rem 0; }
nav a { margin-right: 1rem; }
"""


def page(openapi: Mapping[str, Any], asyncapi: Mapping[str, Any]) -> bytes:
    """Both documents as HTML."""
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        '<meta name=viewport content="width=device-width">',
        f"<title>Narthex: the API</title><style>{_STYLE}</style>",
        f"<h1>Narthex {escape(openapi['info']['version'])}: the API</h1>",
        "<p>For programs: <a href=/openapi.json>/openapi.json</a> (OpenAPI 3.1) and ",
        "<a href=/asyncapi.json>/asyncapi.json</a> (AsyncAPI 3).</p><nav>",
        *(f"<a href=#{escape(tag['name'])}>{escape(tag['name'])}</a>" for tag in openapi["tags"]),
        "<a href=#websocket>websocket</a></nav>",
    ]
    for tag in openapi["tags"]:
        parts += _dialect(tag, openapi["paths"])
    parts += _messages(asyncapi)
    parts += ["<h2 id=schemas>Schemas</h2>", *_schemas(openapi["components"]["schemas"])]
    return "".join(parts).encode()


def _dialect(tag: Mapping[str, str], paths: Mapping[str, Any]) -> Iterator[str]:
    yield f"<h2 id={escape(tag['name'])}>{escape(tag['name'])}</h2>"
    yield f"<p>{escape(tag['description'])}</p>"
    for path, methods in paths.items():
        for method, words in methods.items():
            if words["tags"] == [tag["name"]] and "x-alias-of" not in words:
                yield from _operation(path, method, words)


def _operation(path: str, method: str, words: Mapping[str, Any]) -> Iterator[str]:
    yield f"<details><summary><code><span class=method>{method.upper()}</span>{escape(path)}</code>"
    yield f" {escape(words['summary'])}</summary>"
    if not words["security"]:
        yield "<p>Needs no credential.</p>"
    if parameters := words.get("parameters"):
        yield "<table><tr><th>Parameter<th>In<th>Type</tr>"
        for one in parameters:
            kind = _kind(one["schema"])
            yield f"<tr><td><code>{escape(one['name'])}</code><td>{one['in']}<td>{kind}</tr>"
        yield "</table>"
    if "requestBody" in words:
        yield from _content("Body", words["requestBody"])
    for status, reply in words["responses"].items():
        if status != "default":
            yield from _content(f"Answer {escape(status)}", reply)
    yield "</details>"


def _content(title: str, value: Mapping[str, Any]) -> Iterator[str]:
    for media, one in value.get("content", {}).items():
        yield f"<p>{title}: <code>{escape(media)}</code></p>"
        if schema := one.get("schema"):
            yield f"<pre>{_json(schema)}</pre>"


def _messages(asyncapi: Mapping[str, Any]) -> Iterator[str]:
    yield "<h2 id=websocket>websocket</h2>"
    for name, message in asyncapi.get("components", {}).get("messages", {}).items():
        summary = escape(message["summary"])
        yield f"<details><summary><code>{escape(name)}</code> {summary}</summary>"
        yield f"<pre>{_json(message['payload'])}</pre></details>"


def _schemas(schemas: Mapping[str, Any]) -> Iterator[str]:
    for name, schema in schemas.items():
        yield f"<details id={escape(name)}><summary><code>{escape(name)}</code></summary>"
        yield f"<pre>{_json(schema)}</pre></details>"


def _kind(schema: Mapping[str, Any]) -> str:
    found = schema.get("type", "any")
    words = " or ".join(found) if isinstance(found, list) else str(found)
    if "enum" in schema:
        words += ": " + ", ".join(map(str, schema["enum"]))
    return escape(words)


def _json(value: object) -> str:
    return escape(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())
