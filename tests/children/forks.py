"""A fork storm: keeps up to 150 children alive that ignore TERM, 3,000 in all, for a minute."""

import os
import signal
import sys
import time

ALIVE = 150
TOTAL = 3_000
end = time.monotonic() + 60
signal.signal(signal.SIGTERM, signal.SIG_IGN)
alive = made = 0
while made < TOTAL and time.monotonic() < end:
    while alive < ALIVE and made < TOTAL:
        if os.fork() == 0:
            if made % 3 == 0:
                os.setsid()
            time.sleep(min(0.05 + made % 7, max(0.0, end - time.monotonic())))
            os._exit(0)
        alive += 1
        made += 1
        if made == ALIVE:
            sys.stdout.write("ready\n")
            sys.stdout.flush()
    os.wait()
    alive -= 1
