"""Changes its pid as fast as it can: every process forks the next one and leaves.

Each generation leads a session of its own, waits 20 microseconds and forks. It ends by itself
after a minute. With the argument ``stay`` the main process stays beside the chain.
"""

import os
import signal
import sys
import time

end = time.monotonic() + 60
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while time.monotonic() < end:
        if os.fork():
            os._exit(0)
        os.setsid()
        time.sleep(0.000_02)
    os._exit(0)
if "stay" in sys.argv:
    time.sleep(60)
