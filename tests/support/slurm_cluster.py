"""A real cluster under Slurm on this machine: a controller and several nodes, on loopback only.

Everything lies below one folder, and only the daemons that were started here are ended.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.absent import missing
from tests.support.ports import free_port
from tests.support.processes import lives
from tests.support.waiting import wait_until_sync

__all__ = ["SlurmCluster", "placing", "recording", "slurm_cluster", "starting"]

_PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel", "sinfo")
_CONF = """\
ClusterName=narthex-test
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={control}
SlurmctldPidFile={home}/slurmctld.pid
SlurmdPidFile={home}/slurmd-%n.pid
SlurmdSpoolDir={home}/spool/%n
StateSaveLocation={home}/state
SlurmctldLogFile={home}/log/slurmctld
SlurmdLogFile={home}/log/slurmd-%n
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={home}/munge/socket
CryptoType=crypto/munge
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=2,batch_sched_delay=0
KillWait=5
SlurmdTimeout=10
InactiveLimit=0
MinJobAge=60
ReturnToService=2
PropagateResourceLimits=NONE
MpiDefault=none
SlurmdParameters=config_overrides
"""


@dataclass
class SlurmCluster:
    """A running cluster of the nodes ``n1`` and so on, with partitions ``batch`` and ``small``.

    ``small`` has the first node only, and takes no job of more than five minutes.
    """

    home: Path
    nodes: int

    @property
    def conf(self) -> Path:
        """Its configuration."""
        return self.home / "slurm.conf"

    def call(self, *argv: str) -> str:
        """What a command of Slurm's says."""
        done = subprocess.run(
            argv,
            env={"PATH": os.environ["PATH"], "SLURM_CONF": str(self.conf)},
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        return done.stdout.strip()

    def jobs(self) -> list[str]:
        """The ids of all jobs that are not over."""
        return self.call("squeue", "-h", "-o", "%i").split()

    def pid(self, daemon: str) -> int:
        """The process of a daemon: ``slurmctld``, ``slurmd-n1``."""
        return int((self.home / f"{daemon}.pid").read_text())

    def kill(self, daemon: str) -> None:
        """Kills a daemon without a word to it."""
        pid = self.pid(daemon)
        os.kill(pid, signal.SIGKILL)
        wait_until_sync(lambda: not lives(pid), f"{daemon} is gone")

    def processes(self) -> list[int]:
        """All that belongs to the cluster: daemons, and what they started for jobs.

        Jobs have its configuration in their environment; a ``slurmstepd``, which outlives a killed
        daemon of its node, has files below its folder open.
        """
        named = b"SLURM_CONF=" + os.fsencode(self.conf)
        return [pid for pid in _ours() if _is_below(pid, f"{self.home}/") or named in _told(pid)]

    def start_controller(self, *options: str) -> None:
        """Starts the controller."""
        _start("slurmctld", "-f", str(self.conf), *options)

    def start_node(self, name: str) -> None:
        """Starts the daemon of a node."""
        _start("slurmd", "-f", str(self.conf), "-N", name)

    def wait_ready(self) -> None:
        """Waits until all nodes take jobs."""
        wait_until_sync(self._is_ready, "all nodes are idle", 30)

    def _is_ready(self) -> bool:
        with contextlib.suppress(subprocess.CalledProcessError):
            return self.call("sinfo", "-h", "-p", "batch", "-t", "idle", "-o", "%D") == str(
                self.nodes
            )
        return False


@contextlib.contextmanager
def starting(nodes: int = 3) -> Iterator[SlurmCluster]:
    """Starts a cluster, and ends it with all its jobs."""
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    absent = [name for name in _PROGRAMS if shutil.which(name, path=path) is None]
    if absent:
        missing(f"no Slurm on this machine: {', '.join(absent)}")
    home = Path(tempfile.mkdtemp(prefix="nx-slurm-", dir="/tmp"))
    cluster = SlurmCluster(home, nodes)
    try:
        _configure(cluster)
        munge = home / "munge"
        _start(
            *("munged", "--force", f"--key-file={munge / 'key'}", f"--socket={munge / 'socket'}"),
            *(f"--pid-file={home / 'munged.pid'}", f"--seed-file={munge / 'seed'}"),
            f"--log-file={munge / 'log'}",
        )
        cluster.start_controller()
        for number in range(1, nodes + 1):
            cluster.start_node(f"n{number}")
        cluster.wait_ready()
        yield cluster
    finally:
        _end(cluster)
        shutil.rmtree(home, ignore_errors=True)


def placing(cluster: SlurmCluster, node_dir: Path, **changes: object) -> dict[str, str]:
    """The environment of a gateway that hands over to a cluster."""
    told: dict[str, object] = {
        "enabled": "true",
        "landing": f"127.0.0.1:{free_port()}",
        "python": sys.executable,
        "conf": cluster.conf,
        "node_dir": node_dir,
        "look_seconds": 0.3,
        "silence_seconds": 3.0,
        "queues": '{ far = "batch", little = "small", nowhere = "nowhere" }',
        **changes,
    }
    return {f"NARTHEX_PLACES_SLURM_{name.upper()}": str(value) for name, value in told.items()}


@contextlib.contextmanager
def recording() -> Iterator[Path]:
    """Where the nodes record runs; a short path, for there are sockets in it."""
    found = Path(tempfile.mkdtemp(prefix="nx-", dir="/tmp"))
    yield found
    shutil.rmtree(found, ignore_errors=True)


@pytest.fixture(scope="session")
def slurm_cluster() -> Iterator[SlurmCluster]:
    """A cluster of three nodes for tests that do not hurt it."""
    with starting() as cluster:
        yield cluster


def _configure(cluster: SlurmCluster) -> None:
    home = cluster.home
    for name in ("munge", "state", "log", "spool"):
        (home / name).mkdir(mode=0o700 if name == "munge" else 0o755)
    (home / "munge" / "key").write_bytes(os.urandom(1024))
    (home / "munge" / "key").chmod(0o600)
    lines = [_CONF.format(control=free_port(), home=home, user=getpass.getuser())]
    names = [f"n{number}" for number in range(1, cluster.nodes + 1)]
    for name in names:
        (home / "spool" / name).mkdir()
        lines.append(
            f"NodeName={name} NodeHostname=localhost NodeAddr=127.0.0.1 Port={free_port()}"
            " CPUs=4 RealMemory=1000 State=UNKNOWN\n"
        )
    lines.append(f"PartitionName=batch Nodes={','.join(names)} Default=YES MaxTime=INFINITE\n")
    lines.append("PartitionName=small Nodes=n1 MaxTime=5\n")
    cluster.conf.write_text("".join(lines))


def _start(*argv: str) -> None:
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    subprocess.run(argv, env={"PATH": path}, capture_output=True, timeout=30, check=True)


def _end(cluster: SlurmCluster) -> None:
    # A node daemon that stops leaves its jobs running: they are ended first. One that was killed by
    # a test cannot be told to, and its job may be waited for in vain.
    with contextlib.suppress(subprocess.SubprocessError, AssertionError):
        for job in cluster.jobs():
            cluster.call("scancel", job)
        wait_until_sync(lambda: not cluster.jobs(), "no job is left", 15)
    for file in sorted(cluster.home.glob("*.pid")):
        with contextlib.suppress(ValueError, OSError):
            pid = int(file.read_text())
            os.kill(pid, signal.SIGTERM)
            with contextlib.suppress(AssertionError):
                wait_until_sync(lambda one=pid: not lives(one), "a daemon is gone", 5)  # type: ignore[misc]  # one is bound
            if lives(pid):
                os.kill(pid, signal.SIGKILL)

    def rest() -> list[int]:
        found = cluster.processes()
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return found

    wait_until_sync(lambda: not rest(), "nothing of the cluster is left", 20)


def _ours() -> list[int]:
    """The processes of this user, but for this one."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and entry.stat().st_uid == os.getuid():
                found.append(int(entry.name))
    return [pid for pid in found if pid != os.getpid() and lives(pid)]


def _told(pid: int) -> list[bytes]:
    """The environment of a process."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return []


def _is_below(pid: int, folder: str) -> bool:
    """Whether a process has a file open below a folder."""
    with contextlib.suppress(OSError):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if str(entry.readlink()).startswith(folder):
                    return True
    return False
