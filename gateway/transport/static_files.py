"""The few files that a browser loads from the gateway, all of them read once at the start.

Nothing is looked up on disk by a request, so that no path leads anywhere else. A copy that a
browser keeps is asked about each time, and costs no body while it is the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import PurePath

from gateway.kept_file import KeptFile
from protocol.http import Reply

__all__ = ["StaticFiles"]

_SCRIPT = "text/javascript; charset=utf-8"
_TEXT = "text/plain; charset=utf-8"
_PAGE = "text/html; charset=utf-8"
_FILES = {
    "/": ("console/index.html", _PAGE),
    "/client.js": ("client/js/narthex.js", _SCRIPT),
    "/client.d.ts": ("client/js/narthex.d.ts", _TEXT),
}
_OF_CONSOLE = {".js": _SCRIPT, ".css": "text/css; charset=utf-8"}
"""What else of the console's folder is served, below ``/console/``, by the end of its name."""
_OF_PAGE = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src data:; frame-src blob:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "vary": "accept",
}
"""The page runs code of this origin only, and no text can become code or markup of it.

HTML that a task made is shown in a sandboxed frame, which is under the same policy.
"""


class StaticFiles:
    """Answers the paths of the allow-list, to anybody: the files hold no data."""

    def __init__(self) -> None:
        named = {**_FILES, **dict(_of_console())}
        self._files = {path: _read(name, kind) for path, (name, kind) in named.items()}

    def knows(self, method: str, path: str, headers: Mapping[str, str]) -> bool:
        """Whether the path is one of these; the page is only for who asks for HTML."""
        if path == "/":
            return method in {"GET", "HEAD"} and _takes_html(headers.get("accept", ""))
        return path in self._files

    def answer(self, method: str, path: str, headers: Mapping[str, str]) -> Reply:
        """The file at a path that it knows, or only that it has not changed."""
        return self._files[path].answer(method, headers)


def _of_console() -> Iterator[tuple[str, tuple[str, str]]]:
    for file in files("gateway").joinpath("console").iterdir():
        kind = _OF_CONSOLE.get(PurePath(file.name).suffix)
        if kind is not None:
            yield f"/console/{file.name}", (f"console/{file.name}", kind)


def _read(name: str, content_type: str) -> KeptFile:
    body = files("gateway").joinpath(name).read_bytes()
    return KeptFile.of(body, content_type, _OF_PAGE if content_type == _PAGE else {})


def _takes_html(accept: str) -> bool:
    """Whether HTML is asked for by name, as browsers do."""
    kinds = (kind.partition(";")[0].strip() for kind in accept.lower().split(","))
    return "text/html" in kinds
