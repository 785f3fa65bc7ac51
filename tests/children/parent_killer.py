"""Kills the process that watches it, and leaves a child for 60 s."""

import os
import signal
import time

if not os.fork():
    os.setsid()
    time.sleep(60)
    os._exit(0)
print("ready", flush=True)
os.kill(os.getppid(), signal.SIGKILL)
time.sleep(60)
