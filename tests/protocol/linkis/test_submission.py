"""What execute and submit take, in every form, and what they refuse."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.commands.tasks import Execute
from protocol.dialects.linkis.submission import parse_execute
from protocol.errors import GatewayError, Kind
from protocol.http import Request

BARE: dict[str, Any] = {
    "executeApplicationName": "shell",
    "runType": "shell",
    "executionCode": "true",
}
SUBMIT: dict[str, Any] = {
    "executionContent": {"code": "true", "runType": "shell"},
    "labels": {"engineType": "shell-1", "userCreator": "ann-IDE"},
}


def parsed(body: object) -> Execute:
    """The command that a body becomes."""
    return parse_execute(Request("POST", "/x", body=json.dumps(body).encode()), "h:1")


def with_fields(**more: object) -> dict[str, object]:
    """The bare body with other fields; None takes one away."""
    return {name: value for name, value in {**BARE, **more}.items() if value is not None}


def with_params(**sections: object) -> dict[str, object]:
    """The bare body with a configuration."""
    return with_fields(params={"configuration": sections})


def test_bare_and_wrapped_are_the_same() -> None:
    """The inner object alone asks the same as the websocket's message."""
    wrapped = {"method": "/api/rest_j/v1/entrance/execute", "data": BARE}
    assert parsed(BARE) == parsed(wrapped)
    assert parsed(BARE).client == {
        "requestApplicationName": "IDE",
        "executeApplicationName": "shell",
        "instance": "h:1",
        "runType": "shell",
    }


def test_a_data_field_of_a_bare_body_is_nothing() -> None:
    """A body with code at its top is bare, whatever else it holds."""
    assert parsed(with_fields(data={"runType": "sql"})) == parsed(BARE)
    assert parsed({**SUBMIT, "data": {}}) == parsed(SUBMIT)


def test_the_tag_is_found_in_both_places() -> None:
    """At the top level it comes first, in the data it is found too."""
    both = {"data": with_fields(websocketTag="inner"), "websocketTag": "outer"}
    assert parsed(both).client["websocketTag"] == "outer"
    assert parsed({"data": with_fields(websocketTag="inner")}).client["websocketTag"] == "inner"
    assert parsed(with_fields(websocketTag="bare")).client["websocketTag"] == "bare"


def test_submit_by_labels() -> None:
    """Labels name engine and creator, split at the last hyphen."""
    found = parsed(
        {
            "executionContent": {"code": "1", "runType": "sql"},
            "labels": {"engineType": "Open-Look-3.1", "userCreator": "Hadoop-x-BI"},
        }
    )
    assert (found.engine, found.language) == ("open-look", "sql")
    assert found.client["requestApplicationName"] == "BI"
    assert found.client["executeApplicationName"] == "Open-Look"


def test_submit_with_less() -> None:
    """The creator has a default, and a label can say the run type."""
    found = parsed(
        {"executionContent": {"code": "1"}, "labels": {"engineType": "spark", "codeType": "py"}}
    )
    assert (found.engine, found.language) == ("spark", "python")
    assert found.client["requestApplicationName"] == "IDE"
    again = {"engineType": "spark", "codeLanguageType": "scala"}
    content = {"code": "1", "runType": "sql"}
    assert parsed({"executionContent": content, "labels": again}).language == "scala"


def test_the_version_of_an_engine() -> None:
    """The engine is looked up without its version, and the words are kept as they came."""
    found = parsed(with_fields(executeApplicationName="Spark-2.4.3", requestApplicationName="BI"))
    assert found.engine == "spark"
    assert found.client["executeApplicationName"] == "Spark-2.4.3"
    assert found.client["requestApplicationName"] == "BI"


@pytest.mark.parametrize(
    "params",
    [{}, {"variable": None}, {"configuration": None}, {"configuration": {"runtime": None}}],
)
def test_every_part_of_params_may_be_missing(params: object) -> None:
    """Absent and null are the same everywhere below ``params``."""
    assert parsed(with_fields(params=params)).parameters == {}


def test_the_configuration_becomes_parameters() -> None:
    """Startup, runtime and special settings go to the engine, later ones winning."""
    found = parsed(
        with_params(startup={"a": 1, "b": 1}, runtime={"b": 2, "c": 2}, special={"c": 3})
    )
    assert found.parameters == {"a": 1, "b": 2, "c": 3}


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        (BARE, 0.0),
        (with_params(runtime={"timeout": 1.5}), 1.5),
        (with_params(runtime={"timeout": "7"}), 7.0),
        (with_params(runtime={"jobRunningTimeout": "8", "timeout": 9}), 8.0),
        (with_fields(labels={"jobRunningTimeout": "6"}), 6.0),
        (with_params(startup={"jobRunningTimeout": 5}), 5.0),
        (with_params(runtime={"timeout": None}), 0.0),
        (with_params(runtime={"timeout": ""}), 0.0),
    ],
)
def test_time_limits(body: object, seconds: float) -> None:
    """A limit stands in the labels or the settings, as a number or its digits."""
    assert parsed(body).seconds == seconds


@pytest.mark.parametrize(
    "body",
    [
        with_fields(labels={"jobQueuingTimeout": "6"}),
        with_fields(params={"jobQueuingTimeout": 6}),
        with_params(startup={"jobQueuingTimeout": "6"}),
        with_params(startup={"jobQueuingTimeout": ""}, runtime={"jobQueuingTimeout": 6}),
    ],
)
def test_limits_of_the_time_before_the_start(body: object) -> None:
    """Labels, parameters, and the settings for start and run may hold it."""
    assert (parsed(body).queue_seconds, parsed(body).seconds) == (6.0, 0.0)


@pytest.mark.parametrize(
    ("body", "retries"),
    [
        (with_fields(labels={"jobRetryCount": "3"}), 3),
        (with_fields(labels={"jobRetryCount": 0}), 0),
        (with_params(startup={"linkis.task.retry.switch": True}), 1),
        (
            with_params(startup={"linkis.task.retry.switch": "true", "linkis.task.retry.num": "2"}),
            2,
        ),
        (with_params(startup={"linkis.task.retry.num": 2}), 0),
        (BARE, 0),
    ],
)
def test_retries(body: object, retries: int) -> None:
    """The label says how many there may be, or a setting after it was switched on."""
    assert parsed(body).retries == retries


@pytest.mark.parametrize("count", [-1, 1.5, "x", True, "101"])
def test_retries_that_are_no_number(count: object) -> None:
    """What is no count is refused with its place."""
    with pytest.raises(GatewayError) as caught:
        parsed(with_fields(labels={"jobRetryCount": count}))
    assert caught.value.field == "labels.jobRetryCount"


def test_extras() -> None:
    """A request id makes repeating safe; pushes can be declined."""
    found = parsed(with_fields(requestId="a.B_1:-", push=False))
    assert found.request_id == "a.B_1:-"
    assert found.client["push"] is False
    assert "push" not in parsed(with_fields(push=True)).client


def test_what_is_kept_with_the_task() -> None:
    """Script path, source and labels come back with the task."""
    found = parsed(with_fields(scriptPath="/a.sh", source={"ip": "1"}, labels={"route": "r"}))
    assert found.client["scriptPath"] == "/a.sh"
    assert found.client["source"] == {"ip": "1"}
    assert found.client["labels"] == {"route": "r"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (with_fields(executeApplicationName=None), "executeApplicationName"),
        (with_fields(executeApplicationName=" "), "executeApplicationName"),
        (with_fields(executeApplicationName=7), "executeApplicationName"),
        (with_fields(executeApplicationName="a/b"), "executeApplicationName"),
        (with_fields(executeApplicationName="x" * 100), "executeApplicationName"),
        (with_fields(requestApplicationName="x" * 100), "requestApplicationName"),
        (with_fields(requestApplicationName="a b"), "requestApplicationName"),
        (with_fields(runType=None), "runType"),
        (with_fields(runType=["shell"]), "runType"),
        (with_fields(executionCode=None), "executionCode"),
        (with_fields(executionCode=" \n"), "executionCode"),
        (with_fields(executionCode="echo\0"), "executionCode"),
        (with_fields(executionCode=1), "executionCode"),
        ({"data": with_fields(executionCode=1)}, "data.executionCode"),
        ({"data": {}}, "data.executeApplicationName"),
        (with_fields(params=[]), "params"),
        (with_fields(params={"variable": 1}), "params.variable"),
        (with_fields(params={"configuration": "x"}), "params.configuration"),
        (with_params(runtime=[]), "params.configuration.runtime"),
        (with_params(runtime={"timeout": -1}), "params.configuration.runtime.timeout"),
        (with_params(runtime={"timeout": True}), "params.configuration.runtime.timeout"),
        (with_params(runtime={"timeout": "soon"}), "params.configuration.runtime.timeout"),
        (with_params(runtime={"timeout": "inf"}), "params.configuration.runtime.timeout"),
        (with_params(runtime={"timeout": "nan"}), "params.configuration.runtime.timeout"),
        (with_params(runtime={"timeout": 2e9}), "params.configuration.runtime.timeout"),
        (with_params(runtime={"timeout": []}), "params.configuration.runtime.timeout"),
        (with_params(runtime={"secret.A": "x"}), "params.configuration.runtime.secret.A"),
        (with_params(startup={"secret.A": "x"}), "params.configuration.startup.secret.A"),
        (with_params(startup={"env.A": "x"}), "params.configuration.startup.env.A"),
        (with_params(special={"env.A": 1}), "params.configuration.special.env.A"),
        (with_fields(labels=[]), "labels"),
        (with_fields(source="x"), "source"),
        (with_fields(source={"scriptPath": 1}), "source.scriptPath"),
        (with_fields(scriptPath="x" * 4097), "scriptPath"),
        (with_fields(requestId="a b"), "requestId"),
        (with_fields(requestId="x" * 129), "requestId"),
        (with_fields(websocketTag=1), "websocketTag"),
        (with_fields(websocketTag="x" * 257), "websocketTag"),
        (with_fields(push="no"), "push"),
        ({**SUBMIT, "executionContent": None}, "executionContent.runType"),
        ({**SUBMIT, "executionContent": "x"}, "executionContent"),
        ({**SUBMIT, "executionContent": {"code": "x"}}, "executionContent.runType"),
        ({**SUBMIT, "executionContent": {"runType": "sh"}}, "executionContent.code"),
        ({**SUBMIT, "labels": {}}, "labels.engineType"),
        ({"executionContent": {"code": "1"}}, "labels.engineType"),
        ({**SUBMIT, "labels": {"engineType": "a", "userCreator": "ann"}}, "labels.userCreator"),
        ({**SUBMIT, "labels": {"engineType": 1}}, "labels.engineType"),
    ],
)
def test_refused_bodies(body: dict[str, Any], field: str) -> None:
    """A missing or mistyped field is named by its path in the body."""
    with pytest.raises(GatewayError) as caught:
        parsed(body)
    assert (caught.value.kind, caught.value.field) == (Kind.INVALID, field)
    assert caught.value.message.startswith(field)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "data",
                    "params",
                    "labels",
                    "configuration",
                    "runtime",
                    "executionCode",
                    "executionContent",
                    "runType",
                    "executeApplicationName",
                    "engineType",
                    "code",
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=15,
)


@given(JSON)
def test_no_body_breaks_it(body: object) -> None:
    """Whatever a body holds, it becomes a command or a refusal."""
    try:
        outcome: object = bool(parsed(body).code.strip())
    except GatewayError as error:
        outcome = error.kind
    assert outcome in {True, Kind.INVALID, Kind.UNSUPPORTED}


def test_variables_of_the_environment() -> None:
    """``env.NAME`` becomes a variable of the task and no parameter of the engine."""
    execute = parsed(with_params(special={"env.A": "x=y", "other": "1"}))
    assert execute.environment == {"A": "x=y"}
    assert execute.parameters == {"other": "1"}
    assert execute.secrets == {}


def test_secrets_are_variables_and_nothing_else() -> None:
    """``secret.NAME`` becomes a variable; what is remembered of the request shows a mask."""
    special = {"secret.TOKEN": "s3cr3t", "other": 1}
    command = parsed(
        {**BARE, "params": {"configuration": {"special": special, "runtime": {"a": "b"}}}}
    )
    assert command.secrets == {"TOKEN": "s3cr3t"}
    assert command.parameters == {"a": "b", "other": 1}
    assert "s3cr3t" not in json.dumps(command.client)
    assert "s3cr3t" not in repr(command)
    params = command.client["params"]
    assert params == {
        "configuration": {
            "special": {"secret.TOKEN": "******", "other": 1},
            "runtime": {"a": "b"},
        }
    }


def test_null_is_no_parameter() -> None:
    """A part of the configuration that is null is not there, and hides nothing before it."""
    places = {"startup": {"a": 1}, "runtime": {"a": None, "session": None}, "special": {"b": None}}
    assert parsed(with_params(**places)).parameters == {"a": 1}


def test_a_repetition_is_known_whatever_the_time() -> None:
    """With a request id there is the code as every repetition has it; without it nobody asks."""

    def at(now_ms: int, code: str, **more: object) -> Execute:
        body = json.dumps(with_fields(executionCode=code, **more)).encode()
        return parse_execute(Request("POST", "/x", body=body, now_ms=now_ms), "h:1")

    dated = "echo &{ss} ${run_date} ${user}x"
    one, two = at(1_000, dated, requestId="r"), at(86_402_000, dated, requestId="r")
    assert (one.code, two.code) == ("echo 01 19691231 x", "echo 02 19700101 x")
    assert one.fingerprint == two.fingerprint != ""
    assert at(1_000, "echo ${user}x", requestId="r").fingerprint == ""
    assert at(1_000, dated).fingerprint == ""


def test_sessions_are_told_apart_by_creator() -> None:
    """The creator is the label by which sessions of one user are parted."""
    assert parsed(BARE).label == "IDE"
    assert parsed({**BARE, "requestApplicationName": "notebook"}).label == "notebook"
