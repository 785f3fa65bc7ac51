"""What members of a group are told of one another that start somewhere else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engines.place import Grant
from engines.placed.free_ports import LACKING
from engines.rundir.creation import create_run
from engines.rundir.directory import GRANTED, RunDir
from gateway.clock import now_ms
from gateway.ids import new_task_id
from gateway.runner.run.member_words import MemberWords, Peer, with_words
from gateway.stores.run_folders import RunFolders
from gateway.stores.spec import TaskSpec
from protocol.errors import GatewayError
from protocol.groups import MemberKey
from tests.gateway.runner.rig import spec_of

SERVER = Grant("n1", "b", "7", "first", address="10.0.0.1", ports="web:4000,4001")
WORKER = Grant("n2", "b", "7", "second", address="10.0.0.2", ports="http:80")
ALL = {
    "host.server.0": "10.0.0.1",
    "ports.server.0.web": "4000,4001",
    "host.worker.0": "10.0.0.2",
    "ports.worker.0.http": "80",
}


class Pair:
    """A group of a server and a worker, whose run directories are there."""

    def __init__(self, folder: Path) -> None:
        self.specs = [spec_of(number, group=new_task_id(now_ms())) for number in (1, 2)]
        self.runs = [
            create_run(folder / "new", folder / "live", spec.task_id, b"{}") for spec in self.specs
        ]
        self.folders = RunFolders(folder)

    def member_words(self) -> MemberWords:
        """A new one, as after a restart."""
        keys = (MemberKey("server", 0), MemberKey("worker", 0))

        def peers(spec: TaskSpec) -> list[Peer]:
            assert spec.group
            return [Peer(key, one.task_id) for key, one in zip(keys, self.specs, strict=True)]

        return MemberWords(peers, self.folders)


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    """The group."""
    for name in ("new", "live"):
        (tmp_path / name).mkdir()
    return Pair(tmp_path)


def grant(run: RunDir, who: Grant) -> None:
    """States who may start a run."""
    run.write_once(GRANTED, json.dumps(who._asdict()).encode())


def test_nobody_is_told_before_all_have_asked(pair: Pair) -> None:
    """Then each is told of all."""
    found_words = pair.member_words()
    server, worker = pair.specs
    assert found_words.words(server, SERVER) is None
    assert found_words.words(worker, WORKER) == ALL
    assert found_words.words(server, SERVER) == ALL


def test_after_a_restart_what_was_told_is_on_record(pair: Pair) -> None:
    """The one that has started is not asked again."""
    grant(pair.runs[0], SERVER)
    assert pair.member_words().words(pair.specs[1], WORKER) == ALL


def test_one_that_has_ended_is_not_waited_for(pair: Pair) -> None:
    """It was killed before it began: nobody knows where it would have been."""
    pair.runs[0].call_off()
    found_words = pair.member_words()
    assert found_words.has_ended(pair.specs[0].task_id)
    found = found_words.words(pair.specs[1], WORKER)
    assert found == {"host.worker.0": "10.0.0.2", "ports.worker.0.http": "80"}


def test_another_porter_is_heard_until_somebody_was_told_of_the_first(pair: Pair) -> None:
    """From then on its ports are not those that the others know."""
    found_words = pair.member_words()
    server, worker = pair.specs
    found_words.words(server, SERVER)
    other = SERVER._replace(instance="another", ports="web:5000")
    assert found_words.words(server, other) is None
    found = found_words.words(worker, WORKER)
    assert found is not None
    assert found["ports.server.0.web"] == "5000"
    with pytest.raises(GatewayError, match="another porter"):
        found_words.words(server, SERVER)
    grant(pair.runs[1], WORKER)
    found_words.forget(worker.task_id)
    with pytest.raises(GatewayError, match="another porter"):
        found_words.words(server, SERVER)


def test_a_machine_without_free_ports_is_named(pair: Pair) -> None:
    """The run cannot be started there."""
    with pytest.raises(GatewayError, match="not free on n1"):
        pair.member_words().words(pair.specs[0], SERVER._replace(ports=LACKING))


def test_variables_are_filled_in_and_own_ports_have_their_own() -> None:
    """Texts of a task that is in no group are its own affair."""
    given = {"A": "${narthex.host.server.0}"}
    member, single = spec_of(1, group="g"), spec_of(2)
    own = {"NARTHEX_PORTS_web": "4000,4001"}
    assert with_words(member, SERVER, ALL, given) == {"A": "10.0.0.1", **own}
    assert with_words(single, SERVER, {}, given) == {**given, **own}
