"""Writes bytes that are no text, an empty line, a NUL, and a last line without an end."""

import os

os.write(1, b"\xff\xfe broken\n\n nul \0 in it\n\xe2\x82")
os.write(1, b"\xac last")
