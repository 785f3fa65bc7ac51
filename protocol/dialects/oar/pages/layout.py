"""The frame of every page: its head, the row of links and what a browser may do with it.

OAR document, *HTML forms*. A page runs no code, takes its style from one file of ours and sends
forms to us alone; it cannot be shown within another one.
"""

from __future__ import annotations

from protocol.dialects.oar.pages.markup import Markup, joined, link, tag, text

__all__ = ["HEADERS", "TITLE", "document"]

TITLE = "OAR REST API"

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""What goes with every page."""

_LINKS = (
    ("resources.html", "Resources"),
    ("resources/form.html", "New resources"),
    ("jobs.html", "Jobs"),
    ("jobs/form.html", "Submit a job"),
    ("admission_rules.html", "Admission rules"),
    ("admission_rules/form.html", "New rule"),
    ("config.html", "Configuration"),
)


def document(heading: str, body: Markup, base: str, user: str = "", title: str = "") -> bytes:
    """A page below the mount ``base``; ``title`` empty is one of the heading and of the API."""
    links = joined(
        link(f"{base}/{path}", shown, current=shown == heading) for path, shown in _LINKS
    )
    # Below the mount itself, so that a browser sends what it was told there to every page.
    login = text(user) if user else link(f"{base}/login.html", "Log in")
    who = tag("span", login, class_="who")
    home = tag("strong", link(f"{base}/index.html", TITLE))
    title = title or (TITLE if heading == TITLE else f"{heading} - {TITLE}")
    head = joined(
        (
            tag("meta", charset="utf-8"),
            tag("title", text(title)),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("link", rel="stylesheet", href=f"{base}/style.css"),
        )
    )
    nav = tag("header", tag("nav", joined((home, links, who))))
    main = tag("main", joined((tag("h1", text(heading)), body)))
    inner = joined((tag("head", head), tag("body", joined((nav, main)))))
    return f"<!DOCTYPE html>\n{tag('html', inner, lang='en')}\n".encode()
