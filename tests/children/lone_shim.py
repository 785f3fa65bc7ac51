"""A shim without a zygote, started by the protocol: takes the lock, looks, marks, and is the shim.

Usage: lone_shim.py ROOT RUN MARKER EFFECT WAY NATIVE [SECONDS]. It is a shim that was made for this
run, or with the way ``ahead`` one that waited for it, with ``walled`` one of those whose task is in
a sandbox; with a path for NATIVE the one in C. The task
appends a byte to the file EFFECT, prints two lines, leaves a process behind and exits with 7. With
SECONDS it lasts, and that is its limit.
Ends with 3 if somebody is or was on the run.
"""

import os
import socket
import sys

sys.path.append(sys.argv[1])

from engines import cgroups, processes
from engines.rundir.directory import WORK, RunDir
from engines.shim import main as shim
from engines.shim.launch_request import Bounds, LaunchRequest, encode_request
from engines.shim.sandbox import Sandbox

_, _, path, marker, effect, way, native, *limits = sys.argv
run = RunDir(path)
lock = run.take()
if lock is None or run.shim() is not None or run.exit() is not None:
    sys.exit(3)
task = 'printf x >> "$0"; echo one; (sleep 20 &); echo two >&2; exit 7'
if limits:
    task = "exec sleep 30"
order = LaunchRequest(
    run.path,
    ["/bin/sh", "-c", task, effect],
    {"PATH": os.environ["PATH"], "NARTHEX_RUN_ID": run.run_id},
    run.file(WORK),
    Bounds(float(limits[0]) if limits else 20, 0.2, 1 << 20, 0.05, 0, 0, 0, 0),
    "",
)
if way == "walled":
    seen = Sandbox(writable=(effect.rpartition("/")[0],), tmp_bytes=1 << 20)
    order, way = order._replace(sandbox=seen), "ahead"
message = os.memfd_create("order", os.MFD_CLOEXEC)
os.write(message, encode_request(order))
group, boot = cgroups.own_group(), processes.boot_id()
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
os.access(marker, os.F_OK)
words = ["--shim", str(lock), str(message)]
given = [lock, message]
if way == "ahead":
    socket.send_fds(ours, [shim.ORDER], [lock, message])
    os.close(lock)
    words = ["--ahead", str(theirs.fileno())]
    given = [theirs.fileno()]
if native:
    for fd in given:
        os.set_inheritable(fd, True)  # noqa: FBT003 - the library's signature
    os.execv(native, [native, *words, group, boot])  # noqa: S606 - as a zygote
if way == "ahead":
    shim.wait(theirs.fileno(), group, boot)
shim.main(lock, message, group, boot)
