"""The routes by which jobs come in: YAML protocols, configurations as JSON or forms.

Contract 1.6 (J4 to J6), 1.7 (K1) and 1.8. A job is answered when it is durable and can be read at
once; of two submissions of one name one is a conflict.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import orjson

from protocol.command import Command, Then
from protocol.commands.directory import ReadProfile
from protocol.commands.queues import ListQueues, QueueReport
from protocol.commands.resources import ListResources, PoolReport
from protocol.dialects.openpai.asking import answered, asked
from protocol.dialects.openpai.bodies import body_value, said
from protocol.dialects.openpai.config_v1 import understood_config, understood_old_config
from protocol.dialects.openpai.convert import as_protocol
from protocol.dialects.openpai.faults import PaiError, bad_parameters, bad_protocol
from protocol.dialects.openpai.job import JobSpec
from protocol.dialects.openpai.masking import masked
from protocol.dialects.openpai.names import split_framework
from protocol.dialects.openpai.node_rules import NodeRules
from protocol.dialects.openpai.protocol_v2 import check_protocol, understood
from protocol.dialects.openpai.submission import Source, beyond_node, submit_group
from protocol.directory import Profile
from protocol.errors import GatewayError, Kind, Subject
from protocol.groups import Group
from protocol.http import Reply, Request
from protocol.media import JsonObject
from protocol.resources import LeafState, QueueStatus
from protocol.yaml_document import decode_yaml, encode_yaml

__all__ = ["SubmitRoutes", "render_submitted"]

_NO_SUCH_MEDIA = ("multipart/", "application/x-www-form-urlencoded")


@dataclass(frozen=True, slots=True)
class SubmitRoutes:
    """Parsers and renderers of submissions, with the settings of the dialect."""

    rules: NodeRules = NodeRules()  # noqa: RUF009 - a value

    def parse_protocol(self, request: Request) -> Command[Group]:
        """``POST /api/v2/jobs``: a protocol as YAML, of which JSON is a part."""
        kind = request.headers.get("content-type", "").lower()
        if kind.startswith(_NO_SUCH_MEDIA):
            raise bad_parameters("a job protocol is sent as YAML")
        try:
            document = check_protocol(decode_yaml(request.body))
            text = request.body.decode("utf-8-sig")
        except PaiError:
            raise
        except GatewayError as error:
            if error.kind is Kind.TOO_LARGE:
                raise
            raise bad_protocol(error.message) from error
        shown = masked(text, document, decode_yaml, lambda value: encode_yaml(value).decode())
        return self._submitted(understood(document), request.user, Source("yaml", shown, shown))

    def parse_named_config(self, request: Request) -> Command[Group]:
        """``POST`` and ``PUT /user/:u/jobs[/:j]``: into that user's namespace."""
        return self._config(request, request.params["user"])

    def parse_config(self, request: Request) -> Command[Group]:
        """``POST /api/v1/jobs``, ``PUT /api/v1/jobs/:j``: into the caller's namespace.

        Unlike OpenPAI, which still made a legacy job: the documents say that none is made.
        """
        owner, _ = split_framework(request.params.get("job", ""))
        return self._config(request, owner or request.user)

    def _config(self, request: Request, owner: str) -> Command[Group]:
        value = body_value(request)
        _, name = split_framework(request.params.get("job", ""))
        spec = understood_config(value, name)
        config = value if isinstance(value, dict) else {}
        text = _indented(config)
        protocol = encode_yaml(as_protocol(config, spec)).decode()
        return self._submitted(spec, owner, Source("json", text, protocol))

    def parse_old(self, request: Request) -> Command[Group]:
        """``PUT /api/job/:jobName``: a job without a namespace."""
        value = body_value(request)
        spec = understood_old_config(value, request.params["job"])
        config: JsonObject = value if isinstance(value, dict) else {}
        text = _indented(config)
        protocol = encode_yaml(as_protocol(config, spec)).decode()
        source = Source("old", text, protocol)
        return self._submitted(spec, request.user, source, legacy=True)

    def _submitted(
        self, spec: JobSpec, owner: str, source: Source, *, legacy: bool = False
    ) -> Command[Group]:
        def group(beyond: str) -> Command[Group]:
            return submit_group(
                spec,
                owner,
                source,
                legacy=legacy,
                rules=self.rules,
                beyond=beyond,
            )

        words = _Words(spec.name, spec.queue, owner)
        group("")  # what the settings refuse is refused before anything is asked

        def with_pool(pool: PoolReport) -> Command[Group]:
            cores = sum(1 for one in pool.leaves if one.leaf.state is not LeafState.DEAD)
            return answered(group(beyond_node(spec, cores, pool.memory_mb)), words.refusal)

        def with_queue(found: tuple[QueueReport, ...]) -> Command[Group]:
            words.check_queue(found)
            further = partial(with_profile, found[0].placed)
            return asked(ReadProfile(owner), words.refusal, further)

        def with_profile(placed: bool, profile: Profile) -> Command[Group]:  # noqa: FBT001 - of a partial
            if not profile.admin and spec.queue not in profile.queues:
                raise words.forbidden()
            if placed:  # how much there is on a cluster nobody here knows
                return answered(group(""), words.refusal)
            return Then(ListResources(), with_pool)

        return asked(ListQueues((spec.queue,)), words.refusal, with_queue)


@dataclass(frozen=True, slots=True)
class _Words:
    """What a submission is told, with its names."""

    job: str
    queue: str
    owner: str

    def check_queue(self, found: tuple[QueueReport, ...]) -> None:
        """Refuses a cluster that is not there, or that takes no jobs."""
        if not found:
            raise self._no_queue()
        if found[0].queue.status is not QueueStatus.RUNNING:
            raise self.forbidden()

    def forbidden(self) -> PaiError:
        """The owner may not use the cluster."""
        return PaiError(
            Kind.FORBIDDEN,
            "ForbiddenUserError",
            403,
            f"User {self.owner} is not allowed to add job to {self.queue}",
            Subject.QUEUE,
        )

    def _no_queue(self) -> PaiError:
        return PaiError(
            Kind.NOT_FOUND,
            "NoVirtualClusterError",
            400,
            f"Virtual cluster {self.queue} is not found.",
            Subject.QUEUE,
        )

    def refusal(self, error: GatewayError) -> GatewayError:
        """A refusal of the core in OpenPAI's words."""
        if error.kind is Kind.CONFLICT and error.subject is Subject.GROUP:
            message = f"Job name {self.job} already exists."
            return PaiError(error.kind, "ConflictJobError", 409, message, Subject.GROUP)
        if error.subject is Subject.QUEUE and error.kind is Kind.NOT_FOUND:
            return self._no_queue()
        if error.subject is Subject.USER and error.kind is Kind.NOT_FOUND:
            message = f"User {self.owner} is not found."
            return PaiError(error.kind, "NoUserError", 404, message, Subject.USER)
        if error.kind is Kind.FORBIDDEN:
            return self.forbidden()
        if error.kind is Kind.INVALID:
            return bad_parameters(error.message)
        return error


def _indented(config: JsonObject) -> str:
    """A configuration as the original writes it out again."""
    return orjson.dumps(config, option=orjson.OPT_INDENT_2).decode()


def render_submitted(group: Group, request: Request) -> Reply:
    """The answer to a submission, with where the job is."""
    _, job = split_framework(group.name)
    headers = {"location": f"{request.base}{request.path.rstrip('/')}"}
    if not headers["location"].endswith(f"/jobs/{job}"):
        owner, _ = split_framework(group.name)
        headers["location"] = f"{request.base}/api/v1/user/{owner}/jobs/{job}"
    warnings = group.client.get("warnings")
    obsolete = [
        str(one)
        for one in (warnings if isinstance(warnings, list) else ())
        if "obsolete" in str(one)
    ]
    if obsolete:
        headers["x-warning"] = obsolete[0]
    return replace(said(f"update job {job} successfully", 202), headers=headers)
