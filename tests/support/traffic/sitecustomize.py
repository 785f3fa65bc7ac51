"""Python reads this file when it starts, in the gateways that tests start; no other takes notice.

Each distinct reply of a route, and each distinct message of a websocket, is kept once: the first of
its shape, which is its members and their types. ``tests.support.documented`` reads what is kept.
"""

import importlib
import os
import sys

FOLDER = os.environ.get("TRAFFIC_OF_TESTS", "")

if FOLDER and "gateway.app" in sys.orig_argv:
    importlib.import_module("traffic_recorder").install(FOLDER)
