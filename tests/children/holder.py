"""Ends at once and leaves a child that holds the pipes and goes on talking for 30 s."""

import os
import time

if not os.fork():
    os.setsid()
    for number in range(300):
        print("late", number, flush=True)
        time.sleep(0.1)
    os._exit(0)
print("done", flush=True)
