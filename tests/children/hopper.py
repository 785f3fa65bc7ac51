"""Moves from process to process: forks, and the parent goes after 20 us; 15 s at most.

With the word ``leave`` its own process ends at once, and who hops is all that is left.
"""

import os
import signal
import sys
import time

signal.signal(signal.SIGTERM, signal.SIG_IGN)
deadline = time.monotonic() + 15
print("ready", flush=True)
if not os.fork():
    os.setsid()
    while time.monotonic() < deadline:
        if os.fork():
            time.sleep(0.00002)
            os._exit(0)
    os._exit(0)
if "leave" not in sys.argv:
    time.sleep(15)
