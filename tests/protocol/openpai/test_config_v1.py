"""Job configurations of the first generation and of the one before it."""

from typing import Any

import pytest

from protocol.dialects.openpai.config_v1 import understood_config, understood_old_config
from protocol.dialects.openpai.convert import as_protocol
from protocol.dialects.openpai.faults import PaiError
from protocol.dialects.openpai.job import Completion, PortRequest
from protocol.dialects.openpai.protocol_v2 import check_protocol, understood


def config(**more: object) -> dict[str, Any]:
    """The smallest configuration, with changes."""
    return {
        "jobName": "mnist-1.0",
        "image": "python",
        "taskRoles": [{"name": "worker", "command": "echo $PAI_TASK_INDEX"}],
        **more,
    }


def test_the_defaults() -> None:
    """Contract 4.1.1: what is not said."""
    job = understood_config(config())
    role = job.roles[0]

    assert (job.name, job.queue, job.retries) == ("mnist-1.0", "default", 0)
    assert (role.instances, role.cpu, role.memory_mb, role.shm_mb, role.gpu) == (1, 1, 100, 64, 0)
    assert role.completion == Completion(1, None)


def test_values_of_a_form_are_texts() -> None:
    """Contract 0.2: numbers as texts are taken, and an empty cluster is the default one."""
    roles = [{"name": "w", "command": "x", "taskNumber": "3", "portList": [
        {"label": "web", "beginAt": "0", "portNumber": "2"}]}]  # fmt: skip
    job = understood_config(config(taskRoles=roles, retryCount="-2", virtualCluster=""))

    assert (job.roles[0].instances, job.retries, job.queue) == (3, -2, "default")
    assert job.roles[0].ports == (PortRequest("web", 2, 0),)


def test_the_name_of_the_address_wins() -> None:
    """Contract 1.6, J5: the body must have a name and it does not count."""
    assert understood_config(config(), "other").name == "other"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"jobName": "a~b"}, "jobName"),
        ({"jobName": None}, '"jobName" is required'),
        ({"surprise": 1}, '"surprise" is not allowed'),
        ({"taskRoles": []}, "must contain at least 1 items"),
        ({"taskRoles": "x"}, "must be an array"),
        ({"taskRoles": [{"name": "w"}]}, '"command" is required'),
        ({"taskRoles": [{"name": "w", "command": ""}]}, "not allowed to be empty"),
        ({"taskRoles": [{"name": "w", "command": "x", "taskNumber": 0}]}, "larger than or equal"),
        ({"taskRoles": [{"name": "w", "command": "x", "taskNumber": 1.5}]}, "must be an integer"),
        ({"taskRoles": [{"name": "w", "command": "x"}] * 2}, "duplicate"),
        ({"taskRoles": [{"name": "w", "command": "x", "taskNumber": 257}]}, "at most 256"),
        ({"taskRoles": [{"name": "w", "command": "x", "memoryMB": 10, "shmMB": 11}]}, "shmMB"),
        ({"taskRoles": [{"name": "w", "command": "x", "minSucceededTaskCount": 2}]}, "than"),
        ({"retryCount": -3}, "retryCount"),
        ({"jobEnvs": {"PATH": "/evil"}}, "PATH"),
        ({"jobEnvs": {"LD_PRELOAD": "x"}}, "LD_PRELOAD"),
        ({"jobEnvs": {"a=b": "x"}}, "jobEnvs"),
        ({"jobEnvs": {"A": "x\0"}}, "NUL"),
        ({"jobEnvs": []}, "must be an object"),
        ({"extras": {"a b": 1}}, "extras"),
    ],
)  # fmt: skip
def test_what_is_refused(change: dict[str, object], words: str) -> None:
    """Contract 4.1.1: the code and status of the original, and the field in the sentence."""
    with pytest.raises(PaiError) as caught:
        understood_config(config(**change))

    assert (caught.value.code, caught.value.status) == ("InvalidParametersError", 400)
    assert words in caught.value.message


@pytest.mark.parametrize("value", [None, [], "x", 1])
def test_a_body_that_is_no_object_is_refused(value: Any) -> None:  # noqa: ANN401 - whatever comes
    """Contract 0.2: nothing but an object is a configuration."""
    with pytest.raises(PaiError):
        understood_config(value)


def test_the_obsolete_policy_is_told() -> None:
    """Contract 4.1.1: killAllOnCompletedTaskNumber has no effect and a warning says so."""
    job = understood_config(config(killAllOnCompletedTaskNumber=1))

    assert "minSucceededTaskCount" in job.warnings[0]


def test_what_is_not_acted_on_is_told() -> None:
    """Contract 5.4: GPU types, other schedulers, plugins and storages, here as in protocols."""
    extras = {
        "hivedScheduler": {"jobPriorityClass": "prod"},
        "com.microsoft.pai.runtimeplugin": [{"plugin": "ssh"}, {"plugin": "tensorboard"}, 1],
        "storages": ["nfs"],
    }
    shown = "\n".join(understood_config(config(gpuType="K80", extras=extras)).warnings)
    for word in ("K80", "hivedScheduler", "tensorboard", "storages"):
        assert word in shown, word
    assert "plugin ssh" not in shown
    assert understood_config(config(gpuType="", extras={"a": 1})).warnings == ()


def test_a_configuration_becomes_a_protocol() -> None:
    """Contract 4.6: keys in the genuine order, and the protocol asks for the same job."""
    sent = config(
        dataDir="hdfs://data",
        codeDir="code",
        jobEnvs={"LR": 0.5, "NAME": "x"},
        extras={"key": [1]},
        authFile="auth",
        virtualCluster="vc1",
    )
    job = understood_config(sent)

    document = as_protocol(sent, job)

    assert list(document) == [
        "protocolVersion",
        "name",
        "type",
        "prerequisites",
        "jobRetryCount",
        "taskRoles",
        "deployments",
        "defaults",
        "parameters",
        "extras",
        "secrets",
    ]
    assert document["protocolVersion"] == "2"
    role = document["taskRoles"]["worker"]  # type: ignore[index,call-overload]  # as it was made
    assert list(role)[:3] == ["instances", "completion", "dockerImage"]  # type: ignore[arg-type]
    again = {**document, "name": "mnist"}
    del again["secrets"]
    back = understood(check_protocol(again))
    assert back.queue == "vc1"
    assert back.roles[0].completion == job.roles[0].completion
    assert back.roles[0].commands[1:] == (
        "export PAI_DATA_DIR=hdfs://data",
        "export PAI_CODE_DIR=code",
        "export LR=0.5",
        "export NAME=x",
        "echo $PAI_TASK_INDEX",
    )


def test_the_old_generation() -> None:
    """Contract 4.1.0: fewer fields, and a number of completed tasks that ends the rest."""
    role: dict[str, Any] = {"name": "w", "taskNumber": 3, "command": "x"}
    job = understood_old_config(
        {"jobName": "j", "image": "i", "codeDir": "c", "taskRoles": [role],
         "killAllOnCompletedTaskNumber": 2, "retryCount": 1}
    )  # fmt: skip

    assert (job.roles[0].completion, job.enough) == (Completion(1, None), 2)
    assert job.retries == 1
    with pytest.raises(PaiError):
        understood_old_config({"jobName": "j", "image": "i", "taskRoles": [role]})
