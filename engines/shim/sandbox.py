"""The walls around a task: namespaces of its own in which it sees what it needs and nothing else.

Three processes stand between the shim and the task. The first is what the shim knows: it waits and
ends as the task ends, to the signal. The second is the first process of the task's own process
namespace: it made the task's view of the disk and reaps there, and with it everything inside dies.
The third becomes the task. Paths inside are those outside, so that nothing has to be translated.
The task must never get a capability, nor see a path that was not given. Standard library only.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Iterable
from struct import Struct
from typing import NamedTuple, NoReturn

from engines import kernel_file, processes
from engines.shim import system_calls as calls
from engines.shim.call_filter import install_filter
from engines.shim.view import build, let_in, shut_out

__all__ = ["NETWORKS", "Sandbox", "command", "decode_sandbox", "enter", "give_pipes", "main"]

NETWORKS = ("none", "loopback", "host")
"""A network without any interface; with one that leads to itself alone; the machine's own."""

_NEWNS, _NEWUTS, _NEWIPC = 0x20000, 0x4000000, 0x8000000
_NEWUSER, _NEWPID, _NEWNET = 0x10000000, 0x20000000, 0x40000000
_STATUS = Struct("<i")
_NOT_STARTED = 127
_SET_FLAGS = 0x8914
_FLAGS = Struct("16sH14x")
_UP = 0x1 | 0x40
_MOST_ASKED = 1 << 16
_CODE = """
import sys
sys.path.append(sys.argv.pop(1))
from engines.shim.sandbox import main
main()
"""
_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


class Sandbox(NamedTuple):
    """What a task is to see.

    ``network`` is one of NETWORKS. ``read_only`` and ``writable`` are paths, which are there inside
    as they are outside; one that does not exist is left out of the first, and a fault in the
    second. ``hidden`` are paths of which nothing is seen even where they lie below the others, but
    for what is writable. ``tmp_bytes`` is what /tmp and /dev/shm may hold each. ``later`` is a
    folder below which paths may be let in while the task runs; empty for none. ``uid`` is the
    user, and the group, that the task is, 0 for the one who makes the sandbox; ``name`` is what
    that user is called inside.
    """

    network: str = "host"
    read_only: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    tmp_bytes: int = 1 << 30
    later: str = ""
    uid: int = 0
    name: str = ""


def decode_sandbox(value: object) -> Sandbox | None:
    """The sandbox in what JSON has carried; None for None."""
    if value is None:
        return None
    assert isinstance(value, list)  # noqa: S101 - we wrote it
    network, read_only, writable, hidden, tmp_bytes, later, uid, name, *_ = value
    seen = (tuple(read_only), tuple(writable), tuple(hidden))
    return Sandbox(network, *seen, int(tmp_bytes), later, int(uid), name)


def enter(box: Sandbox, directory: str, door: int = -1, *, dies: bool = True) -> None:
    """Returns in a process inside, which has nothing left to do but to execute the task.

    Of the others none returns. For a process of one thread, a child of whoever waits for the task.

    Args:
        box: what is seen.
        directory: the working directory.
        door: a socket, at whose other end somebody says what is to be let in and shut out later;
            each message is answered with an empty one, or with a sentence. -1 for none.
        dies: whether all ends when the parent of this process does.

    Raises:
        OSError: this machine does not allow it, or a path is not there.
    """
    _become_somebody(box.uid)
    received, reported = os.pipe2(os.O_CLOEXEC)
    free, holding = os.pipe2(os.O_CLOEXEC)
    first = os.fork()
    if first:
        if dies:
            calls.die_with(signal.SIGKILL)
        _stand_for(first, received, holding)
    os.close(received)
    calls.die_with(signal.SIGKILL)
    if _is_broken(reported):
        os._exit(_NOT_STARTED)
    # Signals that come from outside are not for this process: by default the kernel drops them.
    for number in (signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    # Not before: a change of the root is one for everybody in a namespace of mounts.
    flags = _NEWNS | _NEWIPC | _NEWUTS
    calls.unshare(flags if box.network == "host" else flags | _NEWNET)
    if box.network == "loopback":
        _raise_loopback()
    user = f"{box.name}:x:{box.uid}:{box.uid}::/tmp:/bin/bash\n" if box.uid else ""
    root = build(box.read_only, box.writable, box.hidden, box.tmp_bytes, box.later, user)
    folder = -1
    if box.later:
        folder = os.open(f"{root}{box.later}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    else:
        _move_into(root)
    task = os.fork()
    if task:
        _reap(task, reported, door, folder, box.later, holding)
    os.close(holding)
    os.close(reported)
    os.setsid()
    if box.later:
        os.close(folder)
        if door >= 0:
            os.close(door)
        calls.unshare(_NEWNS)
        _move_into(root)
        calls.restrict(box.later, calls.READ_ONLY, below=False)
    _give_up_rights(box.uid)
    os.chdir(directory)
    calls.scope_names()
    install_filter()
    # Who waits for the task may still hold its pipes, and then its exec could not be told by them.
    os.read(free, 1)
    os.close(free)


def command(box: Sandbox, door: int, words: Iterable[str]) -> list[str]:
    """The command line that enters a sandbox and becomes a program, for who cannot call ``enter``.

    It does not end with its parent. ``door`` has to be passed on to it.
    """
    own = (sys.executable, "-I", "-S", "-X", "utf8", "-c", _CODE, _ROOT, json.dumps(box), str(door))
    return [*own, *words]


def give_pipes(uid: int, *fds: int) -> None:
    """Gives pipes to the user of a task: by the name /dev/stdout they are opened anew."""
    for fd in fds if uid else ():
        with contextlib.suppress(OSError):
            os.fchown(fd, uid, uid)


def main() -> NoReturn:
    """What ``command`` runs. Says on stderr why there is no sandbox, and ends with 127."""
    try:
        box = decode_sandbox(json.loads(sys.argv[1]))
        assert box is not None  # noqa: S101 - we wrote it
        enter(box, os.getcwd(), int(sys.argv[2]), dies=False)
        os.execvp(sys.argv[3], sys.argv[3:])  # noqa: S606 - our very purpose
    except OSError as error:
        os.write(2, f"no sandbox: {error}\n".encode(errors="replace"))
    finally:
        os._exit(_NOT_STARTED)


def _become_somebody(uid: int) -> None:
    """Goes into a namespace of users, and has children in one of processes.

    Nobody is known there but this process's own user, and another one if it is not 0. To know a
    second one takes somebody outside who may be any user.
    """
    user, group = os.geteuid(), os.getegid()
    if not uid:
        calls.unshare(_NEWUSER | _NEWPID)
        kernel_file.write("/proc/self/setgroups", "deny")
        kernel_file.write("/proc/self/uid_map", f"{user} {user} 1")
        kernel_file.write("/proc/self/gid_map", f"{group} {group} 1")
        return
    inside, teller = os.pipe2(os.O_CLOEXEC)
    waiting = os.getpid()
    helper = os.fork()
    if not helper:
        status = _NOT_STARTED
        try:
            os.close(teller)
            if os.read(inside, 1):
                kernel_file.write(f"/proc/{waiting}/uid_map", f"{user} {user} 1\n{uid} {uid} 1")
                kernel_file.write(f"/proc/{waiting}/gid_map", f"{group} {group} 1\n{uid} {uid} 1")
                status = 0
        except OSError as error:
            status = min(error.errno or _NOT_STARTED, _NOT_STARTED)
        finally:
            os._exit(status)
    os.close(inside)
    try:
        calls.unshare(_NEWUSER | _NEWPID)
        os.write(teller, b"g")
    finally:
        os.close(teller)
        status = os.waitstatus_to_exitcode(os.waitpid(helper, 0)[1])
    if status:
        raise OSError(abs(status), f"user {uid} cannot be had: {os.strerror(abs(status))}")


def _give_up_rights(uid: int) -> None:
    """Is from now on no more than a user, another one if the number is not 0."""
    calls.bound_capabilities()
    if uid:
        os.setgroups(())
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    calls.drop_capabilities()
    processes.refuse_privileges()


def _is_broken(pipe: int) -> bool:
    """Whether nobody is at the other end any more: then its death was not noticed."""
    poll = select.poll()
    poll.register(pipe, 0)
    return bool(poll.poll(0))


def _raise_loopback() -> None:
    import fcntl  # noqa: PLC0415 - seldom needed, and a start should not pay for it

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SET_FLAGS, _FLAGS.pack(b"lo", _UP))


def _move_into(root: str) -> None:
    os.chdir(root)
    calls.pivot_root()


def _stand_for(first: int, received: int, holding: int) -> NoReturn:
    """Waits for the end of the task and ends in the same way."""
    _let_go(holding, received)
    for number in range(1, signal.NSIG):
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            with contextlib.suppress(OSError, ValueError):
                signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    data = os.read(received, _STATUS.size)
    if data:
        (status,) = _STATUS.unpack(data)
    else:
        status = os.waitpid(first, 0)[1]
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        if -code not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(-code, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 128 - code)


def _reap(task: int, reported: int, door: int, folder: int, later: str, holding: int) -> NoReturn:
    """Collects whatever ends inside, says how the task did, and goes when nobody is left."""
    calls.be_hidden()
    _let_go(holding, reported, door, folder)
    waking, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, _do_nothing)
    link = socket.socket(fileno=door) if door >= 0 else None
    os.write(waker, b"w")
    while True:
        sources = [waking] if link is None else [waking, link.fileno()]
        ready = select.select(sources, (), ())[0]
        if link is not None and link.fileno() in ready and not _answer(link, later, folder):
            link = None
        if waking in ready:
            os.read(waking, _MOST_ASKED)
            try:
                while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                    if ended[0] == task:
                        # What it left behind goes on for as long as the shim lets it.
                        calls.die_with(0)
                        os.write(reported, _STATUS.pack(ended[1]))
                        os.close(reported)
            except ChildProcessError:
                os._exit(0)


def _answer(link: socket.socket, later: str, folder: int) -> bool:
    """Does what is asked at the door; False if nobody is there any more."""
    try:
        asked = link.recv(_MOST_ASKED)
        if not asked:
            return False
        said = b""
        try:
            verb, paths = json.loads(asked)
            for path in paths:
                (let_in if verb == "in" else shut_out)(path, later, folder)
        except (OSError, ValueError) as error:
            said = str(error).encode(errors="replace")
        link.send(said or b"\n")
    except OSError:
        return False
    return True


def _let_go(holding: int, *kept: int) -> None:
    """Closes all but what is kept, so that whoever reads the task's output sees its end.

    ``holding`` is closed last: by its end the task sees that nothing of its own is held any more.
    """
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd not in (holding, *kept):
            with contextlib.suppress(OSError):
                os.close(fd)
    os.close(holding)


def _do_nothing(*_: object) -> None:
    """Lets a signal wake the loop, and no more."""
