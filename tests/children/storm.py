"""Forks as fast as it can, at most 100 at a time and 5,000 in all, in sessions of their own."""

import os
import signal
import time

signal.signal(signal.SIGTERM, signal.SIG_IGN)
deadline = time.monotonic() + 20
alive = 0
made = 0
print("ready", flush=True)
while time.monotonic() < deadline and made < 5000:
    while alive >= 100:
        os.wait()
        alive -= 1
    if not os.fork():
        os.setsid()
        time.sleep(0.05)
        os._exit(0)
    alive += 1
    made += 1
time.sleep(20)
