"""Tries to get out of where it runs, and prints a line for each attempt: its name, yes or no.

Reads from the environment what somebody who knows the gateway would guess: the data folder, the
folder of its sockets, processes, another run. Nothing that it does harms anything.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import signal
import socket
from collections.abc import Callable
from pathlib import Path

DATA, RUNTIME = Path(os.environ["AT_DATA"]), Path(os.environ["AT_RUNTIME"])
OTHER = Path(os.environ["AT_OTHER"])
NAME = "narthex-escape"
GATEWAY, RUNNER, SUPERVISOR = (
    int(os.environ[f"AT_{name}"]) for name in ("GATEWAY", "RUNNER", "SUPERVISOR")
)
NUMBERS = {  # of system calls that have no wrapper: x86-64 and ARM64
    "userfaultfd": (323, 282),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "keyctl": (250, 219),
    "io_uring_setup": (425, 425),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "open_by_handle_at": (304, 265),
    "kexec_load": (246, 104),
    "init_module": (175, 105),
}
libc = ctypes.CDLL(None, use_errno=True)
attempts: dict[str, Callable[[], object]] = {}


def attempt(function: Callable[[], object]) -> Callable[[], object]:
    """One more; it has succeeded if it returns something true."""
    attempts[function.__name__] = function
    return function


def called(name: str, *arguments: object) -> bool:
    """Whether a system call does something, or would with other arguments."""
    number = NUMBERS[name][platform.machine() == "aarch64"]
    done = libc.syscall(number, *arguments)
    refused = {1, 13, 38}  # EPERM, EACCES, ENOSYS
    return done >= 0 or ctypes.get_errno() not in refused


def reading(name: str, path: Path) -> None:
    """An attempt to read a file, or what is in a folder."""
    attempts[name] = lambda: [*path.iterdir()] if path.is_dir() else path.read_bytes()[:1]


def seeing(name: str, path: Path) -> None:
    """An attempt to see that something is there."""
    attempts[name] = path.exists


def writing(name: str, path: Path) -> None:
    """An attempt to leave a file; whether it is there is for those outside to say."""
    attempts[name] = lambda: path.write_text("x")


for name, path in (
    ("read_the_keys", DATA / "secret" / "token.key"),
    ("list_the_keys", DATA / "secret"),
    ("read_the_accounts", Path(os.environ["AT_ACCOUNTS"])),
    ("list_the_store", DATA / "redis"),
    ("read_the_code_of_another", OTHER / "spec"),
    ("read_the_log_of_another", OTHER / "output"),
    ("list_the_files_of_users", DATA / "files"),
    ("read_the_environment_of_the_gateway", Path(f"/proc/{GATEWAY}/environ")),
    ("read_the_command_of_the_runner", Path(f"/proc/{RUNNER}/cmdline")),
    ("read_the_maps_of_the_supervisor", Path(f"/proc/{SUPERVISOR}/maps")),
    ("list_the_descriptors_of_the_gateway", Path(f"/proc/{GATEWAY}/fd")),
    ("see_the_data_by_the_root_of_the_gateway", Path(f"/proc/{GATEWAY}/root{DATA}")),
    ("read_the_shadow_passwords", Path("/etc/shadow")),
):
    reading(name, path)
for name, path in (
    ("see_the_keys", DATA / "secret"),
    ("see_another_run", OTHER),
    ("see_the_socket_of_the_store", RUNTIME / "redis.sock"),
    ("see_the_socket_of_the_runner", RUNTIME / "runner.sock"),
    ("see_the_endpoint", DATA / "endpoint.json"),
):
    seeing(name, path)
for name, folder in (
    ("write_into_the_data", DATA),
    ("write_into_another_run", OTHER),
    ("write_into_etc", Path("/etc")),
    ("write_into_usr", Path("/usr")),
    ("write_into_the_root", Path("/")),
    ("write_into_var", Path("/var/lib")),
    ("write_among_the_sockets", RUNTIME),
):
    writing(name, folder / NAME)


@attempt
def link_a_key_hard() -> bool:
    """A second name in the own folder."""
    os.link(DATA / "secret" / "token.key", "key")
    return Path("key").exists()


@attempt
def read_a_key_by_a_link() -> bool:
    """A name in the own folder that leads there."""
    Path("lead").symlink_to(DATA / "secret" / "token.key")
    return bool(Path("lead").read_bytes())


@attempt
def connect_to_the_store() -> bool:
    """The socket of the private server."""
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(RUNTIME / "redis.sock"))
    return True


@attempt
def knock_at_the_runner() -> bool:
    """The socket at which it is told of ends."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        return line.sendto(b"", str(RUNTIME / "runner.sock")) == 0


def _signalled(pid: int) -> bool:
    os.kill(pid, 0)
    return pid not in (os.getpid(), os.getppid())


attempts["signal_the_gateway"] = lambda: _signalled(GATEWAY)
attempts["signal_the_runner"] = lambda: _signalled(RUNNER)
attempts["signal_the_supervisor"] = lambda: _signalled(SUPERVISOR)


@attempt
def trace_the_gateway() -> bool:
    """PTRACE_SEIZE, and away again by ending."""
    return bool(libc.ptrace(0x4206, GATEWAY, 0, 0) == 0)


@attempt
def read_the_memory_of_the_gateway() -> bool:
    """At an address where nothing is: whoever may read is told so, and nobody else."""
    number = 270 if platform.machine() == "aarch64" else 310
    room = ctypes.create_string_buffer(8)
    here = (ctypes.c_size_t * 2)(ctypes.addressof(room), 8)
    there = (ctypes.c_size_t * 2)(8, 8)
    libc.syscall(number, GATEWAY, here, 1, there, 1, 0)
    return ctypes.get_errno() == errno.EFAULT


@attempt
def open_the_memory_of_the_runner() -> bool:
    """What a debugger opens."""
    with Path(f"/proc/{RUNNER}/mem").open("rb"):
        return True


@attempt
def see_many_processes() -> bool:
    """Those of the machine."""
    return sum(path.name.isdigit() for path in Path("/proc").iterdir()) > 8


@attempt
def hold_the_gateway_by_a_descriptor() -> bool:
    """A pidfd."""
    fd = os.pidfd_open(GATEWAY)
    signal.pidfd_send_signal(fd, 0)
    return Path(f"/proc/{GATEWAY}").exists()


@attempt
def mount_something() -> bool:
    """A file system of its own over a folder."""
    if libc.mount(b"none", b"/mnt", b"tmpfs", 0, None):
        return False
    libc.umount2(b"/mnt", 2)
    return True


@attempt
def take_a_mount_away() -> bool:
    """The one that hides what is below /proc/sys, or whatever is there."""
    return bool(libc.umount2(b"/proc/sys", 2) == 0)


@attempt
def write_to_the_kernel() -> bool:
    """A setting of the machine, as it is already."""
    path = Path("/proc/sys/kernel/core_pattern")
    return path.write_bytes(path.read_bytes()) > 0


@attempt
def enter_the_namespaces_of_the_gateway() -> bool:
    """Its view of the disk."""
    fd = os.open(f"/proc/{GATEWAY}/ns/mnt", os.O_RDONLY)
    return bool(libc.setns(fd, 0) == 0)


@attempt
def make_namespaces() -> bool:
    """In a child, with all the rights of their owner."""
    child = os.fork()
    if not child:
        os._exit(libc.unshare(0x10000000) != 0)
    return os.waitpid(child, 0)[1] == 0


@attempt
def make_a_device() -> bool:
    """The memory of the machine."""
    os.mknod("mem", 0o020600, os.makedev(1, 1))
    return True


@attempt
def change_the_root() -> bool:
    """In a child."""
    child = os.fork()
    if not child:
        os._exit(libc.chroot(b"/") != 0)
    return os.waitpid(child, 0)[1] == 0


@attempt
def become_root_from_a_user() -> bool:
    """For who is not root already."""
    if not os.getuid():
        return False
    os.setuid(0)
    return True


@attempt
def become_another_user() -> bool:
    """In a process of its own, since nobody comes back from that."""
    child = os.fork()
    if not child:
        try:
            os.setgid(os.getgid() + 1)
            os.setuid(os.getuid() + 1)
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


@attempt
def give_a_file_away() -> bool:
    """To a user that somebody else is."""
    Path("gift").touch()
    os.chown("gift", os.getuid() + 1, -1)
    return True


@attempt
def make_a_program_that_is_another() -> bool:
    """Setuid counts for nothing where privileges are refused; here it must not even help."""
    Path("copy").write_bytes(Path("/usr/bin/id").read_bytes())
    Path("copy").chmod(0o6755)
    said = os.popen("./copy -u").read().strip()  # noqa: S605 - the code of a user
    return said not in {"", str(os.getuid())}


@attempt
def go_before_others() -> bool:
    """A better priority than is given."""
    os.setpriority(os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, 0) - 5)
    return True


def calling(name: str) -> None:
    """An attempt to make a system call that tasks have no need of."""
    attempts[f"call_{name}"] = lambda: called(name, 0, 0, 0, 0, 0, 0)


for name in NUMBERS:
    calling(name)


def main() -> None:
    """Tries all of them."""
    for name, one in attempts.items():
        try:
            done = bool(one())
        except (OSError, ValueError):
            done = False
        print(name, "yes" if done else "no", flush=True)


main()
