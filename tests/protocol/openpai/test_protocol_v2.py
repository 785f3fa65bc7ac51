"""The job protocol: what it accepts, what its errors say, and what it means."""

import json
from typing import Any

import pytest

from protocol.dialects.openpai.faults import PaiError
from protocol.dialects.openpai.job import Completion, PortRequest
from protocol.dialects.openpai.protocol_v2 import check_protocol, understood
from protocol.media import JsonObject
from protocol.yaml_document import decode_yaml

TRAINING = """
protocolVersion: 2
name: tensorflow_mnist
type: job
prerequisites:
  - {name: tf_example, type: dockerimage, uri: openpai/pai.example.tensorflow}
  - {name: pytorch_example, type: script, uri: pytorch_example}
parameters: {epochs: 10, batchsize: 32, lr: 0.01}
secrets: {key: s3cr3t}
jobRetryCount: 1
taskRoles:
  worker:
    instances: 2
    completion: {minFailedInstances: 1, minSucceededInstances: 2}
    dockerImage: tf_example
    script: pytorch_example
    resourcePerInstance: {cpu: 4, memoryMB: 8192, gpu: 1, ports: {ssh: 1, http: 2}}
    commands:
      - >
        python <% $script.uri %>/mnist/main.py --epochs <% $parameters.epochs %>
        --lr <% $parameters.lr %> --batch-size <% $parameters.batchsize %>
deployments:
  - name: prod
    taskRoles:
      worker: {preCommands: [echo before], postCommands: [echo after <% $secrets.key %>]}
defaults: {deployment: prod, virtualCluster: vc1}
"""


def protocol(text: str = TRAINING) -> JsonObject:
    """A protocol as its YAML says it."""
    value = decode_yaml(text)
    assert isinstance(value, dict)
    return value


def worker(value: Any) -> Any:  # noqa: ANN401 - part of a document
    """The one task role of the protocol."""
    return value["taskRoles"]["worker"]


def refused(value: object) -> list[str]:
    """The sentences of a protocol's refusal, in the order in which they are found."""
    with pytest.raises(PaiError) as caught:
        check_protocol(value)  # type: ignore[arg-type]  # whatever a client sends
    assert (caught.value.code, caught.value.status) == ("InvalidProtocolError", 400)
    try:
        found = json.loads(caught.value.message)
    except ValueError:
        return [caught.value.message]
    assert all(
        set(one) == {"keyword", "dataPath", "schemaPath", "params", "message"} for one in found
    )
    return [one["message"] for one in found]


def test_tags_are_filled_in() -> None:
    """Contract 4.2.4: the golden command of the genuine test, between those of the deployment."""
    job = understood(check_protocol(protocol()))

    assert job.roles[0].commands == (
        "echo before",
        "python pytorch_example/mnist/main.py --epochs 10 --lr 0.01 --batch-size 32",
        "echo after s3cr3t",
    )
    assert job.secrets == ("s3cr3t",)


def test_what_a_role_asks_for() -> None:
    """Contract 4.2.1: instances, resources, ports, completion, queue and retries."""
    job = understood(check_protocol(protocol()))
    role = job.roles[0]

    assert (job.name, job.queue, job.retries, job.tasks) == ("tensorflow_mnist", "vc1", 1, 2)
    assert (role.cpu, role.memory_mb, role.gpu, role.shm_mb) == (4, 8192, 1, 64)
    assert role.ports == (PortRequest("ssh", 1), PortRequest("http", 2))
    assert role.completion == Completion(1, 2)
    assert role.image == "openpai/pai.example.tensorflow"


def test_an_unknown_name_is_left_out_and_told() -> None:
    """Contract 4.2.4: it becomes nothing, and the job has a warning."""
    value = protocol(TRAINING.replace("$parameters.epochs", "$parameters.nothing"))

    job = understood(check_protocol(value))

    assert "--epochs  --lr" in job.roles[0].commands[1]
    assert len(job.warnings) == 1
    assert "$parameters.nothing" in job.warnings[0]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda p: p.update(extra=1), "should NOT have additional properties"),
        (lambda p: p.pop("taskRoles"), "should have required property 'taskRoles'"),
        (lambda p: p.pop("name"), "should have required property 'name'"),
        (
            lambda p: p["taskRoles"]["worker"]["resourcePerInstance"].pop("gpu"),
            "should have required property 'gpu'",
        ),
        (
            lambda p: p["taskRoles"]["worker"].pop("commands"),
            "should have required property 'commands'",
        ),
        (
            lambda p: p["prerequisites"][0].update(type="vm"),
            "should be equal to one of the allowed values",
        ),
        (
            lambda p: p["taskRoles"].update({"invalid-name": p["taskRoles"]["worker"]}),
            "should NOT have additional properties",
        ),
        (lambda p: worker(p).update(commands=[]), "should NOT have fewer than 1 items"),
        (lambda p: p.update(taskRoles={}), "should NOT have fewer than 1 properties"),
        (lambda p: p.update(jobRetryCount=-2), "should be >= 0"),
        (lambda p: p.update(name="a.b"), 'should match pattern "^[a-zA-Z0-9_-]+$"'),
        (lambda p: p["taskRoles"]["worker"].update(instances="2"), "should be integer"),
        (lambda p: worker(p).update(dockerImage="x"), "Prerequisite x does not exist."),
        (lambda p: p["defaults"].update(deployment="x"), "Default deployment x does not exist."),
        (
            lambda p: p["prerequisites"].append(p["prerequisites"][0]),
            "Duplicate dockerimage prerequisites tf_example.",
        ),
        (lambda p: p["deployments"].append(p["deployments"][0]), "Duplicate deployments prod."),
        (
            lambda p: p["taskRoles"]["worker"].update(instances=257),
            "A job has at most 256 task instances.",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_as_clients_know_it(change: object, sentence: str) -> None:
    """Contract 4.2.2 and 4.2.3: the sentences of the genuine validator and cross checks."""
    value = protocol()
    change(value)  # type: ignore[operator]  # a function of the table

    assert refused(value) == [sentence]


def test_all_errors_are_collected_up_to_a_bound() -> None:
    """Contract 4.2.3: not the first one alone, and never more than a reply can bear."""
    value = protocol()
    for number in range(100):
        value[f"unknown{number}"] = number

    assert len(refused(value)) == 50


@pytest.mark.parametrize("value", [None, [], "text", 3, True, {"protocolVersion": "3"}])
def test_what_is_no_protocol_is_refused(value: object) -> None:
    """Contract 4.2.3: whatever the root is, the answer is an InvalidProtocolError."""
    assert refused(value)


def test_unknown_container_options_pass() -> None:
    """Contract 4.2.1: as in the genuine schema, whose misplaced line lets them."""
    value = protocol()
    roles = value["taskRoles"]
    assert isinstance(roles, dict)
    assert isinstance(roles["worker"], dict)
    roles["worker"]["extraContainerOptions"] = {"infiniband": True, "shmMB": 128}

    assert understood(check_protocol(value)).roles[0].shm_mb == 128
