"""A job on its way into the core: a group of tasks, one for each instance of each role.

What this node has not (images, GPUs, mounted storage) is said on the first line of each task's
stderr and in the job's warnings, or refused by setting. Nothing of it is pretended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from protocol.commands.groups import Member, SubmitGroup
from protocol.commands.tasks import Execute
from protocol.dialects.openpai.faults import bad_parameters
from protocol.dialects.openpai.job import JobSpec, RoleSpec
from protocol.dialects.openpai.names import framework_name
from protocol.dialects.openpai.node_rules import NodeRules
from protocol.dialects.openpai.script import script
from protocol.dialects.openpai.task_environment import HTTP, filled_directories, task_environment
from protocol.groups import MemberKey, Policy, Retry, RolePolicy
from protocol.resources import Ports, Wants, slots

__all__ = ["SPACE", "Source", "beyond_node", "submit_group"]

SPACE = "openpai"
"""The space in which names of jobs are unique."""
_DEFAULT_RULES = NodeRules()
_AGAIN_FOREVER = -1
_SERVICE = -2
_MOST_RETRIES = 1_000
"""More than an administrator's gateway ever makes of anything."""
_SHORTEST_SECRET = 4
_NO_GPU = (
    "the job asks for GPUs and this node has none;"
    ' set [dialects.openpai] gpu = "ignore" to run such jobs without'
)


@dataclass(frozen=True, slots=True)
class Source:
    """How a job was sent: ``form`` is yaml, json, form or old; ``text`` may be shown."""

    form: str
    text: str
    protocol: str


def submit_group(
    spec: JobSpec,
    owner: str,
    source: Source,
    *,
    legacy: bool = False,
    rules: NodeRules = _DEFAULT_RULES,
    beyond: str = "",
) -> SubmitGroup:
    """The command that submits a job. ``owner`` is whose it becomes.

    ``beyond`` says what of the job this node can never give; empty if nothing.

    A job that this node can never run is accepted and fails at once with the reason, as in
    OpenPAI, where the cluster finds out after the submission.

    Raises:
        PaiError: what it asks for is refused by setting.
    """
    directories = filled_directories(spec, owner)
    _refuse(spec, directories, rules)
    code = rules.local_code(directories.get("codeDir", ""))
    framework = framework_name("" if legacy else owner, spec.name)
    warnings = [*spec.warnings, *_warnings(spec, directories, rules)]
    no_gpu = rules.gpu == "fail" and any(role.gpu > 0 for role in spec.roles)
    impossible = _NO_GPU if no_gpu else beyond
    members = [
        Member(
            MemberKey(role.name, index),
            _task(
                spec,
                role,
                index,
                owner,
                framework,
                _script(role, rules, code, warnings, impossible),
                impossible=bool(impossible),
            ),
        )
        for role in spec.roles
        for index in range(role.instances)
    ]
    return SubmitGroup(
        members=tuple(members),
        policy=_policy(spec, impossible),
        name=framework,
        space=SPACE,
        dialect=SPACE,
        client=_client(spec, source, warnings, impossible, legacy=legacy),
        owner=owner,
        shared=True,
    )


def beyond_node(spec: JobSpec, cores: int, memory_mb: int) -> str:
    """What of a job a node of that size can never give; empty if there is room for it.

    Tasks that start together need room together.
    """
    for unit, there, wanted in (
        ("cores", cores, [(role.cpu, role.instances) for role in spec.roles]),
        ("MB of memory", memory_mb, [(role.memory_mb, role.instances) for role in spec.roles]),
    ):
        most = max(amount for amount, _ in wanted)
        needed = sum(amount * count for amount, count in wanted) if spec.gang else most
        if needed > there:
            return f"the job needs {needed} {unit}, this node has {there}"
    return ""


def _refuse(spec: JobSpec, directories: Mapping[str, str], rules: NodeRules) -> None:
    """Refuses what the settings of this node do not let begin."""
    named = _images(spec)
    if rules.images == "reject" and named:
        raise bad_parameters('this node runs no images, [dialects.openpai] images = "reject"')
    if rules.images == "map":
        for image in named:
            if image not in rules.environments:
                raise bad_parameters(f"image {image[:200]} has no local environment on this node")
    if rules.hdfs == "reject" and any(map(_is_remote, directories.values())):
        raise bad_parameters('this node reads no HDFS, [dialects.openpai] hdfs = "reject"')


def _images(spec: JobSpec) -> Sequence[str]:
    return sorted({role.image for role in spec.roles if role.image})


def _is_remote(path: str) -> bool:
    return path.lower().startswith("hdfs://")


def _warnings(spec: JobSpec, directories: Mapping[str, str], rules: NodeRules) -> Sequence[str]:
    found = []
    named = _images(spec)
    if rules.images == "map":
        found += [
            f"image {one} is the local environment {rules.environments[one]}" for one in named
        ]
    elif named:
        found.append(f"image {', '.join(named)} is not used, tasks are processes of this node")
    if rules.gpu == "ignore" and any(role.gpu > 0 for role in spec.roles):
        found.append("this node has no GPU, the task runs without")
    found += [
        f"{path} is not copied, it is told in the environment alone"
        for path in dict.fromkeys(filter(_is_remote, directories.values()))
    ]
    return found


def _script(
    role: RoleSpec, rules: NodeRules, code: str, warnings: Sequence[str], impossible: str
) -> str:
    """What bash runs for a task of a role."""
    if impossible:
        return script(("exit 1",), impossible)
    environment = rules.environments.get(role.image, "") if rules.images == "map" else ""
    notice = "; ".join(one.replace("\n", " ") for one in warnings)
    return script(role.commands, notice, environment=environment, code=code)


def _task(
    spec: JobSpec,
    role: RoleSpec,
    index: int,
    owner: str,
    framework: str,
    code: str,
    *,
    impossible: bool,
) -> Execute:
    def ports(name: str, of: int, label: str) -> str:
        return f"${{narthex.ports.{name}.{of}.{label}}}"

    def hosts(name: str, of: int) -> str:
        return f"${{narthex.host.{name}.{of}}}"

    wanted = {HTTP: Ports(1)} | {port.label: Ports(port.count, port.first) for port in role.ports}
    return Execute(
        engine="shell",
        language="bash",
        code=code,
        dialect=SPACE,
        client={"framework": framework, "role": role.name, "index": index},
        environment=task_environment(spec, role, index, owner, framework, ports, hosts),
        secrets={
            f"PAI_SECRET_{number}": secret
            for number, secret in enumerate(spec.secrets)
            if len(secret) >= _SHORTEST_SECRET
        },
        wants=Wants(
            (slots(1 if impossible else role.cpu),),
            queue=spec.queue,
            memory_mb=0 if impossible else role.memory_mb,
            ports=wanted,
        ),
        shared=True,
    )


def _policy(spec: JobSpec, impossible: str) -> Policy:
    roles = {
        role.name: RolePolicy(
            role.completion.min_failed,
            role.completion.min_succeeded,
            # One that is not to be run again by itself is again with its job alone.
            _retry(role.retries) if role.retries else Retry(),
        )
        for role in spec.roles
    }
    if impossible:
        return Policy(gang=False)  # it is there to fail: at the first task, whatever its rules
    return Policy(spec.gang, roles, _retry(spec.retries), spec.enough or None)


def _retry(count: int) -> Retry:
    """What a number of retries means: troubles of the platform never count."""
    forever = count in {_AGAIN_FOREVER, _SERVICE}
    failures = _AGAIN_FOREVER if forever else min(count, _MOST_RETRIES)
    return Retry(failures, _AGAIN_FOREVER, count == _SERVICE)


def _client(
    spec: JobSpec, source: Source, warnings: Sequence[str], impossible: str, *, legacy: bool
) -> Mapping[str, object]:
    """What is kept with the group for the documents of this dialect."""
    return {
        "job": spec.name,
        "legacy": legacy,
        "form": source.form,
        "config": source.text,
        "protocol": source.protocol,
        "queue": spec.queue,
        "warnings": list(warnings),
        "impossible": impossible,
        "roles": [
            {
                "name": role.name,
                "instances": role.instances,
                "gpu": role.gpu,
                "ports": [HTTP, *(port.label for port in role.ports)],
            }
            for role in spec.roles
        ],
    }
