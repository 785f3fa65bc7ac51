"""Leaves a daemon behind: two forks, a session of its own, deaf to polite signals, for 60 s.

With the word ``leave`` its own process ends at once, and the daemon is all that is left.
"""

import os
import signal
import sys
import time

for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
if not os.fork():
    os.setsid()
    if os.fork():
        os._exit(0)
    os.setsid()
    print("ready", flush=True)
    time.sleep(60)
    os._exit(0)
if "leave" not in sys.argv:
    time.sleep(60)
