"""Forks twice into sessions of their own, ignores TERM, and lets its main process leave.

With the argument ``stay`` the main process stays as well. Each process lives for at most a minute.
"""

import os
import signal
import sys
import time

signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.setsid()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        time.sleep(60)
    os._exit(0)
os.wait()
if "stay" in sys.argv:
    time.sleep(60)
