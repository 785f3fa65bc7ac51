"""Stops itself and a child: neither notices anything, and the kernel kills both in 60 s."""

import ctypes
import os
import signal
import struct
import time

SECONDS = 60
MONOTONIC = 1


def end_in_time() -> None:
    """Has the kernel send SIGKILL, which alone reaches a process that is stopped."""
    libc = ctypes.CDLL(None)
    event = ctypes.create_string_buffer(struct.pack("@qii", 0, signal.SIGKILL, 0), 64)
    when = ctypes.create_string_buffer(struct.pack("@qqqq", 0, 0, SECONDS, 0))
    timer = ctypes.c_void_p()
    if not libc.timer_create(MONOTONIC, event, ctypes.byref(timer)):
        libc.timer_settime(timer, 0, when, None)


signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
os.fork()
end_in_time()
os.kill(os.getpid(), signal.SIGSTOP)
time.sleep(SECONDS)
