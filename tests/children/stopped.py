"""Stops itself with SIGSTOP; a guard of its own kills it after a minute."""

import os
import signal
import sys
import time

main = os.pidfd_open(os.getpid())
if os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(60)
    signal.pidfd_send_signal(main, signal.SIGKILL)
    os._exit(0)
sys.stdout.write("ready\n")
sys.stdout.flush()
os.kill(os.getpid(), signal.SIGSTOP)
time.sleep(60)
