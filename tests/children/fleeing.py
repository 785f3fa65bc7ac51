"""Leaves a daemon behind: two forks, a session of its own, deaf to polite signals, for 60 s."""

import os
import signal
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
time.sleep(60)
