"""Task output on a terminal: whatever it holds, the terminal is not given an order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.plain import harmless

CASES = [
    (b"plain text", "plain text"),
    ("grüße 世界 🎉".encode(), "grüße 世界 🎉"),
    (b"tab\tstays", "tab\tstays"),
    (b"windows\r", "windows"),
    (b"50%\r100%", "50%^M100%"),
    (b"\x1b[31mred\x1b[0m", "red"),
    (b"\x1b[2Jcleared", "^[[2Jcleared"),
    (b"\x1b[1A\x1b[2Kfake prompt $ ", "^[[1A^[[2Kfake prompt $ "),
    (b"\x1b]0;title\x07", "^[]0;title^G"),
    (b"\x1b]52;c;ZXZpbA==\x1b\\", "^[]52;c;ZXZpbA==^[\\"),
    ("\x9b31m8-bit".encode(), "\\x9b31m8-bit"),
    (b"\x9b2J", "\ufffd2J"),
    (b"\x1bc", "^[c"),
    (b"\x00\x7f", "^@^?"),
    (b"\x1b[\x1b[31m31mhidden", "^[[31mhidden"),
    ("\u202egnp.exe".encode(), "\\u202egnp.exe"),
    (b"\xff\xfe", "\ufffd\ufffd"),
]


@pytest.mark.parametrize(("data", "shown"), CASES)
def test_what_is_shown(data: bytes, shown: str) -> None:
    """Control characters become visible, colours are left out, text stays."""
    assert harmless(data).decode() == shown


@given(st.binary(max_size=200))
def test_nothing_passes(data: bytes) -> None:
    """No byte sequence leaves a control character but the tab."""
    text = harmless(data).decode()
    assert not any(ord(c) < 32 and c != "\t" for c in text)
    assert not any(0x7F <= ord(c) <= 0x9F for c in text)


@given(st.text(st.characters(categories=["L", "N", "Zs"]), max_size=100))
def test_text_is_kept(text: str) -> None:
    """What has no control character is shown as it is."""
    assert harmless(text.encode()).decode() == text
