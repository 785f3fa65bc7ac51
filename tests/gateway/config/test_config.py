"""Settings: defaults, layers, and one line for everything that is wrong."""

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.config import Config, ConfigError, load, loopback, wants_sandbox
from gateway.plugins import load_dialects, load_engines
from gateway.runner.run.run_environment import run_environment

ROOT = Path(__file__).resolve().parents[3]


def written(tmp_path: Path, text: str) -> Path:
    """A configuration file with a text."""
    path = tmp_path / "narthex.toml"
    path.write_text(text)
    return path


def test_the_shipped_file_is_complete() -> None:
    """Without any other source every setting has a value."""
    config = load(None, {})
    assert config.server.host == "127.0.0.1"
    assert config.dialects["linkis"].enabled


def test_every_shipped_key_has_a_comment_in_its_section_or_line() -> None:
    """Nobody has to guess what a number means: bare keys follow one that explains them."""
    lines = (ROOT / "config.toml").read_text().splitlines()
    keys = [line for line in lines if line and line[0].isalpha()]
    explained = sum("#" in line for line in keys)
    assert explained > len(keys) * 0.8


def test_later_sources_win(tmp_path: Path) -> None:
    """A file goes over the defaults, the environment over it, the command line over all."""
    path = written(tmp_path, "[server]\nport = 1\nworkers = 2\nhost = '127.0.0.2'\n")
    config = load(
        path, {"NARTHEX_SERVER_PORT": "3", "NARTHEX_SERVER_WORKERS": "4"}, {"server.port": 5}
    )
    assert (config.server.host, config.server.workers, config.server.port) == ("127.0.0.2", 4, 5)


def test_variables_are_read_by_the_type_of_their_key() -> None:
    """Lists are split at commas, tables and booleans are read as TOML would."""
    config = load(
        None,
        {
            "NARTHEX_SERVER_ALLOWED_HOSTS": "one, two",
            "NARTHEX_RUNNER_WEIGHTS": "{ann = 2.0}",
            "NARTHEX_LIMITS_SEND_SECONDS": "2",
            "NARTHEX_DIALECTS_JOB_MANAGER_MOUNT": "/jobs",
            "NARTHEX_DIALECTS_LINKIS_ENABLED": "false",
            "NARTHEX_ENGINES_SHELL_SH": "/bin/dash",
        },
    )
    assert config.server.allowed_hosts == ("one", "two")
    assert config.runner.weights == {"ann": 2.0}
    assert config.limits.send_seconds == 2.0
    assert config.dialects["job_manager"].mount == "/jobs"
    assert not config.dialects["linkis"].enabled
    assert config.engines["shell"].settings == {"bash": "bash", "sh": "/bin/dash"}


@pytest.mark.parametrize(
    ("table", "loaded"),
    [
        *((f"engines.{name}", load_engines) for name in ("shell", "scripted", "python", "spark")),
        *((f"dialects.{name}", load_dialects) for name in ("linkis", "job_manager")),
    ],
)
def test_a_misspelt_setting_of_a_plugin_is_refused(
    tmp_path: Path, table: str, loaded: Callable[[Config], object]
) -> None:
    """Engines and dialects take what the shipped file has for them, and name anything else."""
    assert loaded(load(None, {}))
    wrong = load(written(tmp_path, f"[{table}]\nmispelt = 1\n"), {})
    with pytest.raises(ConfigError, match=f"^{table}: .*mispelt"):
        loaded(wrong)


def test_variables_of_the_commands_are_no_settings() -> None:
    """What tells a client where to go does not disturb a server."""
    load(None, {"NARTHEX_TOKEN": "x", "NARTHEX_SERVER": "http://x"})


def test_variables_of_a_task_are_no_settings(tmp_path: Path) -> None:
    """A task may start a gateway: what it sees of its own does not disturb that one."""
    seen = run_environment(tmp_path, load(None, {}).results, {})
    load(None, {**seen, "NARTHEX_TASK_ID": "1", "NARTHEX_RUN_ID": "1", "NARTHEX_SPARK_LOG": "x"})


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[sever]\nport = 1", "[sever]"),
        ("[server]\nprot = 1", "server.prot"),
        ("[server]\nport = '9001'", "server.port"),
        ("[server]\nport = 65536", "server.port"),
        ("[server]\nport = -1", "server.port"),
        ("[server]\nport = 1.5", "server.port"),
        ("[server]\nport = true", "server.port"),
        ("[server]\nhost = ''", "server.host"),
        ("[server]\nhost = 1", "server.host"),
        ("[server]\nhost = '0.0.0.0'\n[runner]\nisolation = 'none'", "server.host"),
        ("[server]\nhost = '::'\n[runner]\nisolation = 'none'", "server.host"),
        ("[server]\nworkers = 0", "server.workers"),
        ("[server]\nworkers = 65", "server.workers"),
        ("[server]\nallowed_hosts = 'x'", "server.allowed_hosts"),
        ("[server]\nallowed_origins = [1]", "server.allowed_origins"),
        ("[server]\nacknowledge_trusted_users = 'yes'", "server.acknowledge_trusted_users"),
        ("[server]\nheader_seconds = 0", "server.header_seconds"),
        ("[server]\nheader_seconds = inf", "server.header_seconds"),
        ("[server]\nheader_seconds = nan", "server.header_seconds"),
        ("[server]\nheader_seconds = -1", "server.header_seconds"),
        ("server = 1", "server"),
        ("[redis]\nurl = 1", "redis.url"),
        ("[redis]\nurl = 'localhost:6379'", "redis.url"),
        ("[redis]\nurl = 'http://host'", "redis.url"),
        ("[redis]\nmemory_bytes = 1", "redis.memory_bytes"),
        ("[redis]\ntimeout_seconds = 0", "redis.timeout_seconds"),
        ("[redis]\nhost = 'x'", "redis.host"),
        ("[auth]\nenabled = false", "auth.enabled"),
        ("[auth]\nsecret = 'changeme'", "auth.secret"),
        ("[auth]\ntoken_seconds = 1.5", "auth.token_seconds"),
        ("[auth]\ntoken_seconds = 0", "auth.token_seconds"),
        ("[auth]\ntoken_seconds = 100\nmax_token_seconds = 99", "auth.max_token_seconds"),
        ("[auth]\nlogin_attempts = 0", "auth.login_attempts"),
        ("[limits]\nbody_bytes = 0", "limits.body_bytes"),
        ("[limits]\nbody_bytes = '4M'", "limits.body_bytes"),
        ("[limits]\nbody_bytes = 1", "limits.body_bytes"),
        ("[limits]\npage_lines = -1", "limits.page_lines"),
        ("[limits]\nqueued_per_user = 2\nqueued_total = 1", "limits.queued_total"),
        ("[limits]\nsockets = 1", "limits.sockets_per_user"),
        ("[log]\nlevel = 'loud'", "log.level"),
        ("[log]\nlevel = 3", "log.level"),
        ("[log]\nformat = 'xml'", "log.format"),
        ("[runner]\nrunning_per_user = 2\nrunning_total = 1", "runner.running_total"),
        ("[runner]\nweights = {ann = 0.0}", "runner.weights"),
        ("[runner]\nweights = {ann = 'x'}", "runner.weights"),
        ("[runner]\nenvironment = 'PATH'", "runner.environment"),
        ("[runner]\ngrace_seconds = -0.1", "runner.grace_seconds"),
        ("[runner]\nsecond = 1.0", "runner.second"),
        ("[retention]\ntask_seconds = 0", "retention.task_seconds"),
        ("[retention]\nhot_bytes = 0", "retention.hot_bytes"),
        ("[engines]\nshell = 1", "engines.shell"),
        ("[engines.shell]\nenabled = 'yes'", "engines.shell.enabled"),
        ("[dialects.linkis]\nmount = 'x'", "dialects.linkis.mount"),
        ("[dialects.linkis]\nmount = '/x/'", "dialects.linkis.mount"),
        ("[dialects.linkis]\nmount = 1", "dialects.linkis.mount"),
        ("[dialects.linkis]\nenabled = 0", "dialects.linkis.enabled"),
        ("[server\nport = 1", "not valid TOML"),
        ("port: 1", "not valid TOML"),
        ("[server]\nport = 1\nport = 2", "not valid TOML"),
        ("[server]\n\x00", "not valid TOML"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(tmp_path: Path, text: str, named: str) -> None:
    """The line names the key and the file it stands in, whatever is wrong."""
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as refused:
        load(path, {})
    message = str(refused.value)
    assert named in message
    assert str(path) in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("NARTHEX_SERVER_PORT", "many"),
        ("NARTHEX_SERVER_PORT", ""),
        ("NARTHEX_SERVER_PORT", "70000"),
        ("NARTHEX_SERVER_PROT", "1"),
        ("NARTHEX_SEVER_PORT", "1"),
        ("NARTHEX_DATA_DIR", "/x"),
        ("NARTHEX_SERVER_", "1"),
        ("NARTHEX_", "1"),
        ("NARTHEX_LOG_LEVEL", "loud"),
        ("NARTHEX_DIALECTS_NOBODY_MOUNT", "/x"),
        ("NARTHEX_RUNNER_WEIGHTS", "ann"),
        ("NARTHEX_SERVER_HOST", ""),
        ("NARTHEX_LIMITS_SEND_SECONDS", "inf"),
    ],
)
def test_a_bad_variable_is_refused_by_name(variable: str, value: str) -> None:
    """A misspelt or mistyped variable never means a default."""
    with pytest.raises(ConfigError) as refused:
        load(None, {variable: value})
    assert variable in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """A file that was named must be there."""
    with pytest.raises(ConfigError, match="No such file"):
        load(tmp_path / "none.toml", {})


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    """An empty file is a file without changes."""
    assert load(written(tmp_path, ""), {}) == load(None, {})


def test_the_shipped_file_can_be_given_back(tmp_path: Path) -> None:
    """A copy of the shipped file is a valid configuration."""
    text = (ROOT / "config.toml").read_text()
    assert tomllib.loads(text)
    assert load(written(tmp_path, text), {}) == load(None, {})


def test_everybody_may_be_served_if_that_is_acknowledged(tmp_path: Path) -> None:
    """Listening off loopback takes an explicit word, or a sandbox for each task."""
    path = written(tmp_path, "[server]\nhost = '0.0.0.0'\nacknowledge_trusted_users = true\n")
    assert load(path, {}).server.acknowledge_trusted_users
    assert not wants_sandbox(load(path, {}))
    assert not wants_sandbox(load(None, {}))
    assert wants_sandbox(load(written(tmp_path, "[server]\nhost = '0.0.0.0'\n"), {}))


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),  # noqa: S104 - looked at only
        ("10.0.0.1", False),
        ("example.org", False),
    ],
)
def test_loopback_is_known(host: str, expected: bool) -> None:  # noqa: FBT001 - a table
    """Only what no other machine can reach counts as loopback."""
    assert loopback(host) is expected
