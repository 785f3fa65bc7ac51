"""Each account a user of the system: whose files are whose, and that the gateway reads all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engines.isolation import missing_for_users
from gateway.client import Client
from tests.support.gateway import Gateway, serving_gateway
from tests.support.system_user import usable_user
from tests.support.waiting import wait_until_sync

FIRST = 1_900_000_000


@pytest.fixture(scope="module")
def peopled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway whose accounts are users of the system."""
    if missing := missing_for_users():
        pytest.skip(missing)  # a right of the machine, as for sandboxes
    folder = tmp_path_factory.mktemp("peopled") / "data"
    with serving_gateway(folder, NARTHEX_RUNNER_ISOLATION="users") as gateway:
        yield gateway


def client(gateway: Gateway, user: str = "ann") -> Client:
    """A client of somebody's."""
    return Client(gateway.url, gateway.token(user))


def test_tasks_of_two_are_two_users(peopled: Gateway) -> None:
    """Alike in every engine and in a session, and each time."""
    code = "import os, pwd; print(os.getuid(), pwd.getpwuid(os.getuid()).pw_name)"
    said = {}
    for user in ("ann", "bob"):
        with client(peopled, user) as own:
            shell = own.run("id -u; id -un").stdout.split()
            alone = own.run(code, engine="python", session="none").stdout.split()
            warm = [own.run(code, engine="python", session="warm").stdout.split() for _ in "12"]
        assert shell == alone == warm[0] == warm[1]
        said[user] = (int(shell[0]), shell[1])
    assert {name for _, name in said.values()} == {"ann", "bob"}
    assert {number for number, _ in said.values()} == {FIRST, FIRST + 1}


@pytest.mark.parametrize("session", ["none", "warm"])
def test_the_gateway_reads_what_a_user_wrote(peopled: Gateway, session: str) -> None:
    """Logs, progress and results of a task, whoever wrote them and with whichever permissions."""
    code = (
        "import os, narthex\n"
        "os.umask(0o077)\n"
        "narthex.table([(1,), (2,)], ['a'])\n"
        "narthex.progress(1.0)\n"
        "open('mine', 'w').write('x')\n"
        "os.chmod(os.getcwd(), 0)\n"
        "print('said')\n"
    )
    with client(peopled) as own:
        done = own.run(code, engine="python", session=session)
        assert (done.exit_code, done.stdout) == (0, "said\n"), done.stderr
        results = own.results(done.task)
        assert [[*row] for one in results for row in one.rows()] == [[1], [2]]


def test_uploads_and_folders_of_a_user_are_theirs(peopled: Gateway, tmp_path: Path) -> None:
    """What was sent before can be read, what was written can be fetched, and written again."""
    (tmp_path / "input").write_text("from outside")
    with client(peopled) as own:
        inputs = [str(tmp_path / "input")]
        done = own.run(
            "cat input; id -u > output", inputs=inputs, outputs=["output"], workdir="job"
        )
        assert (done.exit_code, done.stdout) == (0, "from outside\n"), done.stderr
        (written,) = done.fetch(str(tmp_path / "back"))
        assert int(written.read_text()) >= FIRST
        again = own.run("cat output input && echo more >> output", workdir="job")
        assert again.exit_code == 0, again.stderr


def test_nothing_is_left_of_a_deleted_task(peopled: Gateway) -> None:
    """Directories that their owner closed to everybody go as well."""
    with client(peopled) as own:
        done = own.run("mkdir -p a/b/c; touch a/b/c/d; chmod 0 a/b/c/d a/b/c a/b a")
        assert done.exit_code == 0
        spool = peopled.data / "spool"
        name = next(path.parents[1] for path in spool.rglob("a") if path.parent.name == "work")
        own.forget(done.task)
        wait_until_sync(lambda: not name.exists(), "the run to be gone")


def test_every_dialect_s_user_is_that_of_the_account(tmp_path: Path) -> None:
    """Ann's tasks are the user of the system that the settings name, whoever asks for them how."""
    if missing := missing_for_users():
        pytest.skip(missing)  # a right of the machine, as for sandboxes
    name, number = usable_user()
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    settings = {
        "NARTHEX_RUNNER_ISOLATION": "users",
        "NARTHEX_RUNNER_SYSTEM_USERS": f"{{ ann = '{name}' }}",
        "NARTHEX_RUNNER_SANDBOX_WRITABLE": f"{{ all = ['{shared}'] }}",
    }
    linkis = "/api/rest_j/v1/entrance/execute"

    def shell(file: str, **more: object) -> dict[str, object]:
        body: dict[str, object] = {"executeApplicationName": "shell", "runType": "shell"}
        return {**body, "executionCode": command(file), **more}

    def command(file: str) -> str:
        return f"id -un > {shared}/{file}.new; mv {shared}/{file}.new {shared}/{file}"

    with (
        serving_gateway(tmp_path / "data", **settings) as gateway,
        gateway.client("ann") as ann,
        gateway.client("admin") as admin,
        gateway.client("") as nobody,
    ):
        role = {"name": "w", "command": command("openpai")}
        pai = {"jobName": "who", "image": "", "taskRoles": [role]}
        acting = {"Token-User": "ann", "Token-Code": gateway.token("admin")}
        replies = (
            ann.post(linkis, json=shell("own")),
            admin.post(linkis, json=shell("execute-user", executeUser="ann")),
            nobody.post(linkis, json=shell("token-user"), headers=acting),
            ann.post("/api/v1/jobs", json=pai),
            ann.post("/oarapi/jobs", json={"command": command("oar")}),
            ann.post("/run", json={"command": command("job-manager")}),
            admin.post(linkis, json=shell("another")),
        )
        assert all(reply.is_success for reply in replies), [reply.text for reply in replies]
        files = ("own", "execute-user", "token-user", "openpai", "oar", "job-manager", "another")
        wait_until_sync(lambda: all((shared / one).exists() for one in files), "all of them", 60)
    *hers, other = [
        ((shared / one).read_text().strip(), (shared / one).stat().st_uid) for one in files
    ]
    assert set(hers) == {(name, number)}
    assert other == ("admin", FIRST)
