"""``python -m gateway.runner``: the runner process."""

from __future__ import annotations

import sys

from gateway.runner.main import main

if __name__ == "__main__":
    sys.exit(main())
