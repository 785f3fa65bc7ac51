"""What a task in a sandbox sees of the disk: a root of its own into which paths are bound.

Built by a process that is alone in a mount namespace of its own. Nothing of the old root may be
reached from the new one: no path is bound that a symbolic link led to unless it is the system's,
and what lies in the kernel's own files is there to be read at most. Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import stat

from engines.shim import system_calls as calls

__all__ = ["SYSTEM", "build", "let_in", "shut_out", "system_paths"]

SYSTEM = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"),
    *("/etc/alternatives", "/etc/bash.bashrc", "/etc/ca-certificates", "/etc/debian_version"),
    *("/etc/fonts", "/etc/group", "/etc/host.conf", "/etc/hostname", "/etc/hosts", "/etc/inputrc"),
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime"),
    *("/etc/locale.alias", "/etc/mime.types", "/etc/nsswitch.conf", "/etc/os-release"),
    *("/etc/passwd", "/etc/pki/tls/certs", "/etc/profile", "/etc/protocols", "/etc/resolv.conf"),
    *("/etc/services", "/etc/shells", "/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/terminfo"),
    *("/etc/timezone",),
)
_ACCOUNTS = ("/etc/passwd", "/etc/group")
"""What of the system every task may read; of /etc no more than programs need to start."""
_JAVA = "java-"
"""Debian keeps the settings of each Java in a folder of /etc that begins so."""

_BASE = "/sys"
"""Covered in a namespace of our own: a folder that is everywhere and has nothing that is let in."""
_NEW = f"{_BASE}/new"
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_LINKS = {
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
    "ptmx": "pts/ptmx",
}
_KERNEL = ("sys", "sysrq-trigger", "irq", "bus", "fs", "acpi", "scsi", "driver", "mtrr")
_KERNEL_SECRETS = ("kcore", "keys", "key-users", "kmsg", "timer_list", "sched_debug", "vmallocinfo")
_MOST_MODES = 0o755
_NO_NAMESPACES = "/sys/user/max_user_namespaces"


def build(
    read_only: tuple[str, ...],
    writable: tuple[str, ...],
    hidden: tuple[str, ...],
    tmp_bytes: int,
    later: str,
    user: str = "",
) -> str:
    """Makes the root; its path. The old one is seen by this process until it moves into the new.

    ``user`` is a line for ``/etc/passwd`` inside, and names the user's own group; empty for none.

    Raises:
        OSError: this machine does not allow it, or a path is not there.
    """
    # Opened before anything is covered, and each by its own name only.
    given = {path: calls.open_without_links(path) for path in writable}
    calls.mount("none", "/", "", calls.PRIVATE | calls.RECURSIVE)
    system = [path for path in system_paths() if not user or path not in _ACCOUNTS]
    held = _hold((*system, *read_only))
    accounts = {path: _read(path) for path in _ACCOUNTS} if user else {}
    secrets = {path: os.path.isdir(path) for path in hidden if os.path.lexists(path)}
    calls.mount("tmpfs", _BASE, "tmpfs", calls.NOSUID | calls.NODEV, "mode=0755")
    os.mkdir(_NEW)
    calls.mount("tmpfs", _NEW, "tmpfs", calls.NOSUID | calls.NODEV, "mode=0755,size=16m")
    calls.mount("none", _NEW, "", calls.PRIVATE)
    _kernel_files()
    _devices(tmp_bytes)
    _folder_of_its_own("/tmp", tmp_bytes)  # noqa: S108 - of the new root
    for path, text in accounts.items():
        _make(f"{_NEW}{path}", is_folder=False)
        name, _, uid, *_ = user.split(":")
        with open(f"{_NEW}{path}", "a", encoding="utf-8") as file:
            file.write(text + (user if path == _ACCOUNTS[0] else f"{name}:x:{uid}:\n"))
        os.chmod(f"{_NEW}{path}", 0o644)
    late = [path for path in sorted(held) if any(_is_below(path, one) for one in secrets)]
    for path in sorted(held.keys() - set(late)):
        _place_read_only(path, held[path])
    covers = [path for path in sorted(secrets) if _cover(path, is_folder=secrets[path])]
    for path in late:
        _place_read_only(path, held[path])
    if later:
        _make(f"{_NEW}{later}", is_folder=True)
        flags = calls.NOSUID | calls.NODEV
        calls.mount("tmpfs", f"{_NEW}{later}", "tmpfs", flags, "mode=0755,size=16m")
        # What is let in below this later is to be seen by the task as well.
        calls.mount("none", f"{_NEW}{later}", "", calls.SHARED)
    for path in sorted(given):
        _bind(given[path], f"{_NEW}{path}")
        os.close(given[path])
    for path in covers:
        calls.restrict(f"{_NEW}{path}", calls.READ_ONLY, below=False)
    calls.restrict(_NEW, calls.READ_ONLY, below=False)
    return _NEW


def system_paths() -> tuple[str, ...]:
    """What of the system every task is shown where it is there."""
    return (*SYSTEM, *(f"/etc/{name}" for name in os.listdir("/etc") if name.startswith(_JAVA)))


def let_in(path: str, later: str, folder: int) -> None:
    """Binds a path that may be written into the new root, below the folder that was made for that.

    Args:
        path: what is let in, by its name in the old root.
        later: the name of that folder.
        folder: a descriptor of it in the new root: by a name the task could have led elsewhere.

    Raises:
        OSError: it is not there, or lies elsewhere.
    """
    target = _target(path, later, folder)
    fd = calls.open_without_links(path)
    try:
        _bind(fd, target)
    finally:
        os.close(fd)


def shut_out(path: str, later: str, folder: int) -> None:
    """Takes away again what was let in. Raises OSError."""
    target = _target(path, later, folder)
    calls.umount(target)
    # Nothing is left of what was made to mount on it: a session may see very many.
    with contextlib.suppress(OSError):
        (os.rmdir if os.path.isdir(target) else os.unlink)(target)
        os.rmdir(os.path.dirname(target))


def _target(path: str, later: str, folder: int) -> str:
    if not later or os.path.normpath(path) != path or not _is_below(path, later):
        raise PermissionError(f"{path} is not to be let in")
    return f"/proc/self/fd/{folder}{path.removeprefix(later)}"


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError:
        return ""
    return text if text.endswith("\n") else f"{text}\n"


def _hold(paths: tuple[str, ...]) -> dict[str, int | str]:
    """For each path that is there a descriptor, or where it leads if it is a link of the root's."""
    held: dict[str, int | str] = {}
    for path in paths:
        try:
            if os.path.dirname(path) == "/" and os.path.islink(path):
                held[path] = os.readlink(path)
            else:
                held[path] = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
    return held


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(f"{folder.rstrip('/')}/")


def _place_read_only(path: str, source: int | str) -> None:
    target = f"{_NEW}{path}"
    if isinstance(source, str):
        os.symlink(source, target)
        return
    try:
        if os.path.lexists(target) and _is_same(source, target):
            return
        _bind(source, target)
        wanted = calls.READ_ONLY | calls.NOSUID | calls.NODEV
        calls.restrict(target, wanted, below=True)
    finally:
        os.close(source)


def _is_same(fd: int, target: str) -> bool:
    """Whether a path shows that already, being below one that is bound."""
    try:
        return os.path.samestat(os.fstat(fd), os.stat(target))
    except OSError:
        return False


def _bind(fd: int, target: str) -> None:
    _make(target, is_folder=stat.S_ISDIR(os.fstat(fd).st_mode))
    calls.mount(f"/proc/self/fd/{fd}", target, "", calls.BIND | calls.RECURSIVE)


def _make(target: str, *, is_folder: bool) -> None:
    """Sees to it that there is something on which can be mounted."""
    if is_folder:
        os.makedirs(target, _MOST_MODES, exist_ok=True)
        return
    os.makedirs(os.path.dirname(target), _MOST_MODES, exist_ok=True)
    if not os.path.lexists(target):
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _cover(path: str, *, is_folder: bool) -> bool:
    """Hides what is below a path if it can be seen at all; whether a folder was hidden."""
    target = f"{_NEW}{path}"
    if not os.path.lexists(target):
        return False
    if is_folder:
        flags = calls.NOSUID | calls.NODEV
        calls.mount("tmpfs", target, "tmpfs", flags, "mode=0755,size=1m")
    else:
        calls.mount("/dev/null", target, "", calls.BIND)
    return is_folder


def _kernel_files() -> None:
    """Mounts /proc, of these processes alone, with what speaks of the machine made harmless."""
    proc = f"{_NEW}/proc"
    os.mkdir(proc)
    calls.mount("proc", proc, "proc", calls.NOSUID | calls.NODEV | calls.NOEXEC)
    # Further namespaces of users are refused here, whatever asks for them.
    with contextlib.suppress(OSError), open(f"{proc}{_NO_NAMESPACES}", "wb") as file:
        file.write(b"0")
    for name in _KERNEL:
        path = f"{proc}/{name}"
        if os.path.lexists(path):
            calls.mount(path, path, "", calls.BIND | calls.RECURSIVE)
            calls.restrict(path, calls.READ_ONLY, below=True)
    for name in _KERNEL_SECRETS:
        if os.path.lexists(f"{proc}/{name}"):
            calls.mount("/dev/null", f"{proc}/{name}", "", calls.BIND)


def _devices(tmp_bytes: int) -> None:
    dev = f"{_NEW}/dev"
    os.mkdir(dev)
    flags = calls.NOSUID | calls.NOEXEC
    calls.mount("tmpfs", dev, "tmpfs", flags, "mode=0755,size=1m")
    for name in _DEVICES:
        if os.path.exists(f"/dev/{name}"):
            _make(f"{dev}/{name}", is_folder=False)
            calls.mount(f"/dev/{name}", f"{dev}/{name}", "", calls.BIND)
    for name, where in _LINKS.items():
        os.symlink(where, f"{dev}/{name}")
    os.mkdir(f"{dev}/pts")
    with contextlib.suppress(OSError):  # without it there are no terminals inside, and no more
        calls.mount("devpts", f"{dev}/pts", "devpts", flags, "newinstance,ptmxmode=0666,mode=620")
    _folder_of_its_own("/dev/shm", tmp_bytes)  # noqa: S108 - of the new root
    calls.restrict(dev, calls.READ_ONLY, below=False)


def _folder_of_its_own(path: str, most_bytes: int) -> None:
    target = f"{_NEW}{path}"
    _make(target, is_folder=True)
    flags = calls.NOSUID | calls.NODEV
    calls.mount("tmpfs", target, "tmpfs", flags, f"mode=1777,size={most_bytes}")
