"""Parts of a job: tags, script, exit codes, environment, masked secrets."""

import subprocess
from pathlib import Path

import pytest

from protocol.dialects.openpai.exit_specs import exit_spec
from protocol.dialects.openpai.job import JobSpec, PortRequest, RoleSpec
from protocol.dialects.openpai.masking import masked
from protocol.dialects.openpai.script import script
from protocol.dialects.openpai.task_environment import task_environment
from protocol.dialects.openpai.template import printed, rendered
from protocol.media import JsonValue
from protocol.yaml_document import decode_yaml, encode_yaml


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""), (True, "true"), (10, "10"), (0.01, "0.01"), (1.0, "1"), ("x", "x"),
        ({"a": 1}, "[object Object]"), ([1, None, "x"], "1,,x"), (1e21, "1e+21"),
    ],
)  # fmt: skip
def test_values_print_as_in_javascript(value: JsonValue, text: str) -> None:
    """Contract 4.2.4: what stands in a command is what the original would have put there."""
    assert printed(value) == text


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("<% $p.a.b %>", "1"), ("<%$p.list[1]%>", "y"), ("a <% $p.no %> b", "a  b"),
        ("<% 1 + 1 %>", ""), ("<% $p.list[9] %>", ""), ("<% $q %>", ""), (" x ", "x"),
        ("100 % <% $p.a.b %> %>", "100 % 1 %>"), ("<%", "<%"), ("<% a <% $p.a.b %>", ""),
    ],
)  # fmt: skip
def test_tags_look_up_and_do_nothing_else(text: str, filled: str) -> None:
    """Contract 4.2.4: whole lookups; all else becomes nothing."""
    assert rendered(text, {"p": {"a": {"b": 1}, "list": ["x", "y"]}}) == filled


def test_hostile_tags_cost_little() -> None:
    """A megabyte of openings is read once."""
    assert rendered("<%" * 500_000, {}) == "<%" * 500_000


@pytest.mark.parametrize(
    ("commands", "said", "code"),
    [
        (["echo a", "echo b"], "a\nb\n", 0),
        (["echo a; false", "echo b"], "a\n", 1),
        (["false\necho a", "echo b"], "a\nb\n", 0),
        (["echo a # comment", "cat <<X\nhere\nX", "echo b"], "a\nhere\nb\n", 0),
        (["exit 7", "echo b"], "", 7),
        (["  "], "", 0),
    ],
)
def test_items_run_one_after_another(commands: list[str], said: str, code: int) -> None:
    """Contract 4.2.4: an item that fails stops the list; comments and here-documents survive."""
    ended = subprocess.run(
        ["bash", "-c", script(commands)], capture_output=True, text=True, timeout=20, check=False
    )

    assert (ended.stdout, ended.returncode) == (said, code)


def test_a_notice_is_the_first_line_of_stderr() -> None:
    """Errata: what this node does not do is said before anything else, whatever it says."""
    ended = subprocess.run(
        ["bash", "-c", script(["true"], "it's ignored: $(id)")],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )

    assert ended.stderr == "it's ignored: $(id)\n"


def test_an_environment_and_code_come_before_the_commands(tmp_path: Path) -> None:
    """Contract 5.4: programs of the environment come first, the code is there under its name."""
    folder, code = tmp_path / "an env", tmp_path / "it's code"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "tool").write_text("#!/bin/sh\necho mapped\n")
    (folder / "bin" / "tool").chmod(0o755)
    code.mkdir()
    (code / "main.sh").write_text("echo copied; echo $PAI_WORK_DIR")
    work = tmp_path / "work"
    work.mkdir()
    commands = ['tool; bash "it\'s code/main.sh"']

    def run(text: str) -> tuple[int, str, str]:
        ended = subprocess.run(
            ["bash", "-c", text], cwd=work, capture_output=True, text=True, timeout=20, check=False
        )
        return ended.returncode, ended.stdout, ended.stderr

    whole = script(commands, environment=str(folder), code=str(code))
    assert run(whole) == (0, f"mapped\ncopied\n{work}\n", "")
    status, said, why = run(script(["echo never"], environment=str(tmp_path / "none")))
    assert (status, said, "is not there" in why) == (1, "", True)
    assert run(script(["echo never"], code=str(tmp_path / "none")))[:2] == (1, "")


@pytest.mark.parametrize(
    ("code", "phrase", "kind"),
    [
        (0, "SUCCEEDED", "USER_SUCCESS"),
        (-7351, "APP_STOP_FRAMEWORK_REQUESTED", "USER_STOP"),
        (-7400, "TASK_STOPPED_ON_APP_COMPLETION", "USER_STOP"),
        (137, "CONTAINER_KILLED_BY_SIGKILL", "UNKNOWN_FAILURE"),
        (196, "CONTAINER_OOM_KILLED_BY_DOCKER", "USER_FAILURE"),
        (193, "CONTAINER_DOCKER_RUN_FAILED", "PLATFORM_FAILURE"),
        (-7200, "AM_RM_HEARTBEAT_YARN_EXCEPTION", "USER_FAILURE"),
        (-7252, "AM_GANG_ALLOCATION_TIMEOUT", "RESOURCE_ALLOCATION_TIMEOUT"),
        (3, "CONTAINER_RUNTIME_UNKNOWN_FAILURE", "UNKNOWN_FAILURE"),
        (-1, "APP_UNKNOWN_EXIT_CODE", "UNKNOWN_FAILURE"),
    ],
)
def test_exit_specifications(code: int, phrase: str, kind: str) -> None:
    """Contract 4.5: phrase and type of the table, and the real code in it."""
    spec = exit_spec(code)

    assert (spec["code"], spec["phrase"], spec["type"]) == (code, phrase, kind)
    assert set(spec) == {
        "code", "phrase", "issuer", "causer", "type", "stage", "behavior", "reaction", "reason",
        "repro", "solution",
    }  # fmt: skip


def test_a_task_knows_itself_and_the_others() -> None:
    """Contract 4.9: roles, indexes, ports, hosts, resources; dotted names twice."""
    server = RoleSpec("ps.0", 1, ("x",), ports=(PortRequest("web", 2),))
    worker = RoleSpec("worker", 2, ("x",), cpu=2)
    job = JobSpec("job", (server, worker), environment={"A.B": "v", "HTTP": "1", "1\u00e9": "w"})

    seen = task_environment(
        *(job, worker, 1, "ann", "ann~job"),
        lambda role, index, label: f"{role}/{index}/{label}",
        lambda role, index: f"{role}-{index}.host",
    )

    assert seen["PAI_JOB_NAME"] == "ann~job"
    assert seen["PAI_TASK_ROLE_LIST"] == "ps.0,worker"
    assert seen["PAI_TASK_INDEX"] == "1"
    assert seen["PAI_CURRENT_TASK_ROLE_CPU_COUNT"] == "2"
    assert seen["PAI_PORT_LIST_ps.0_0_web"] == "ps.0/0/web"
    assert seen["PAI_PORT_LIST_ps_0_0_web"] == "ps.0/0/web"
    assert seen["PAI_TASK_ROLE_worker_HOST_LIST"] == (
        "worker-0.host:worker/0/http,worker-1.host:worker/1/http"
    )
    assert (seen["PAI_HOST_IP_ps_0_0"], seen["PAI_CURRENT_CONTAINER_IP"]) == (
        "ps.0-0.host",
        "worker-1.host",
    )
    assert seen["PAI_MIN_SUCCEEDED_TASK_COUNT_worker"] == "null"
    assert (seen["A.B"], seen["A_B"], seen["HTTP"]) == ("v", "v", "1")
    assert (seen["_1_"], "1\u00e9" in seen) == ("w", False)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a: 1 # kept\nsecrets:\n  k: v\n\nb: 2\n", 'a: 1 # kept\nsecrets: "******"\nb: 2\n'),
        ("a: 1\n", "a: 1\n"),
        ("secrets: {k: v}\na: 1\n", None),
        ('"secrets":\n  k: v\n', None),
        ('{"secrets": {"k": "v"}}', None),
    ],
)
def test_secrets_are_masked_whatever_their_spelling(text: str, shown: str | None) -> None:
    """Contract 4.2.4: a plain block is replaced in place, all else is written anew."""
    document = decode_yaml(text)
    assert isinstance(document, dict)

    found = masked(text, document, decode_yaml, lambda value: encode_yaml(value).decode())

    assert '"v"' not in found
    assert ": v" not in found
    if shown is not None:
        assert found == shown
    else:
        assert decode_yaml(found) == {**document, "secrets": "******"}
