"""The program that a place starts: ``python -m engines.placed``, its assignment as input."""

from __future__ import annotations

import sys

from engines.placed.porter import main

if __name__ == "__main__":
    sys.exit(main(sys.stdin.buffer.read()))
