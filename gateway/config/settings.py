"""Every setting: its type and its bounds. Defaults stand in ``config.toml`` and nowhere else."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

__all__ = [
    "Auth",
    "Config",
    "DialectSettings",
    "EngineSettings",
    "Files",
    "Limits",
    "Log",
    "Objects",
    "PlaceSettings",
    "Redis",
    "Results",
    "Retention",
    "Runner",
    "Server",
    "ServiceSettings",
    "Sessions",
    "SlurmSettings",
    "Tracing",
]

Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
Count = Annotated[int, msgspec.Meta(ge=1, le=10_000_000)]
Size = Annotated[int, msgspec.Meta(ge=1, le=1 << 50)]
SizeOrNone = Annotated[int, msgspec.Meta(ge=0, le=1 << 50)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=315_576_000.0)]
SecondsOrNone = Annotated[float, msgspec.Meta(ge=0, le=315_576_000.0)]
WholeSeconds = Annotated[int, msgspec.Meta(ge=1, le=315_576_000)]
UserId = Annotated[int, msgspec.Meta(ge=1, le=4_294_967_293)]
Weight = Annotated[float, msgspec.Meta(gt=0, le=1_000_000.0)]


class Server(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where to listen, who may ask from where, how long a connection may take."""

    host: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    port: Port
    workers: Annotated[int, msgspec.Meta(ge=1, le=64)]
    acknowledge_trusted_users: bool
    allowed_hosts: tuple[str, ...]
    allowed_origins: tuple[str, ...]
    trusted_proxies: tuple[str, ...]
    connections: Count
    connections_per_address: Count
    public_url: str
    tls_certificate: Annotated[str, msgspec.Meta(max_length=4096)]
    tls_key: Annotated[str, msgspec.Meta(max_length=4096)]
    hsts_seconds: Annotated[int, msgspec.Meta(ge=0, le=315_576_000)]
    header_seconds: Seconds
    keep_alive_seconds: Seconds
    shutdown_seconds: Seconds


class Redis(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which Redis to use and how patient to be with it."""

    url: str
    server: str
    memory_bytes: Annotated[int, msgspec.Meta(ge=16 << 20, le=1 << 50)]
    timeout_seconds: Seconds
    calls: Count


class Node(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """This node among several on one Redis; without a name it is alone there."""

    name: Annotated[str, msgspec.Meta(pattern=r"^([a-z0-9][a-z0-9-]{0,31})?$")]
    address: Annotated[str, msgspec.Meta(max_length=300)]
    authority: Annotated[str, msgspec.Meta(max_length=4096)]
    seconds: Seconds
    accounts: Annotated[str, msgspec.Meta(pattern=r"^([a-z0-9][a-z0-9-]{0,31})?$")]

    @property
    def keeps_accounts(self) -> bool:
        """Whether users and groups are changed here, and not at another node."""
        return self.accounts in {"", self.name}


class Auth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long proofs of identity live and how often one may guess."""

    token_seconds: WholeSeconds
    max_token_seconds: WholeSeconds
    renew_seconds: WholeSeconds
    login_attempts: Count
    login_window_seconds: Seconds
    login_seconds: Seconds
    encrypt_logins: bool


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds of everything that a client controls."""

    body_bytes: Size
    open_body_bytes: Size
    bodies_per_user: Count
    unread_bytes_per_user: Size
    unread_bytes: Size
    heavy_per_user: Count
    upload_bytes: Size
    message_bytes: Size
    code_bytes: Size
    parameters_bytes: Size
    environment_bytes: Size
    inputs: Count
    page_lines: Count
    page_bytes: Size
    list_tasks: Count
    wait_seconds: Seconds
    waits_per_user: Count
    queued_per_user: Count
    queued_total: Count
    sockets: Count
    sockets_per_user: Count
    sockets_per_address: Count
    frames_per_second: Count
    frame_burst: Count
    subscriptions: Count
    messages_per_second: Count
    message_burst: Count
    inbox_messages: Count
    send_seconds: Seconds
    ping_seconds: Seconds
    pong_seconds: Seconds


class Objects(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much is kept and given out of files: uploads and the output of ended tasks."""

    quota_bytes: Size
    parts: Count
    answer_bytes: Size


class Log(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the gateway itself says, and in which form."""

    level: Literal["debug", "info", "warning", "error"]
    format: Literal["text", "json"]


class Tracing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where spans of what becomes of a task go, if anywhere."""

    exporter: Literal["off", "otlp", "file"]
    endpoint: Annotated[str, msgspec.Meta(max_length=4096, pattern="^https?://")]
    file: Annotated[str, msgspec.Meta(max_length=4096)]
    file_bytes: Size


class Runner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many tasks run at once and what each may use."""

    running_total: Count
    running_per_user: Count
    pool: Annotated[str, msgspec.Meta(max_length=4096)]
    pool_memory_mb: SizeOrNone
    ports: tuple[Port, Port]
    booked_seconds: SecondsOrNone
    weights: dict[str, Weight]
    seconds: SecondsOrNone
    grace_seconds: SecondsOrNone
    drain_seconds: SecondsOrNone
    output_bytes: SizeOrNone
    processes: SizeOrNone
    memory_bytes: SizeOrNone
    cpu_weight: Annotated[int, msgspec.Meta(ge=0, le=10_000)]
    user_processes: SizeOrNone
    user_memory_bytes: SizeOrNone
    user_cpu_weight: Annotated[int, msgspec.Meta(ge=0, le=10_000)]
    open_files: SizeOrNone
    file_bytes: SizeOrNone
    isolation: Literal["auto", "none", "sandbox", "users"]
    user_ids: tuple[UserId, UserId]
    system_users: dict[str, str]
    same_users: bool
    network: Literal["none", "loopback", "host"]
    sandbox_read_only: dict[str, tuple[str, ...]]
    sandbox_writable: dict[str, tuple[str, ...]]
    sandbox_tmp_bytes: Annotated[int, msgspec.Meta(ge=1 << 20, le=1 << 50)]
    environment: tuple[str, ...]
    nice: Annotated[int, msgspec.Meta(ge=0, le=19)]
    shim: Literal["auto", "native", "python"]
    mirror_seconds: Seconds
    mirror_bytes: Size


class Sessions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many warm sessions there may be and how long an unused one stays."""

    total: Count
    per_user: Count
    idle_seconds: Seconds


class Retention(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long things are kept, and how much of what has ended."""

    task_seconds: WholeSeconds
    per_user_runs: SizeOrNone
    per_user_bytes: SizeOrNone
    total_runs: SizeOrNone
    total_bytes: SizeOrNone
    tombstone_seconds: WholeSeconds
    hot_bytes: Size
    hot_seconds: Seconds
    object_seconds: WholeSeconds

    @property
    def home_seconds(self) -> int:
        """How long it is known at least what was made by a request id."""
        return int(self.task_seconds + self.tombstone_seconds)


class Results(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much of a task's results is kept, and how much is given out at once."""

    rows: SizeOrNone
    bytes: SizeOrNone
    page_rows: Count
    page_bytes: Size
    page_cells: Count
    sheet_rows: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    log_bytes: Size


class Files(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much each user may keep with the gateway, such as scripts."""

    quota_bytes: Size
    file_bytes: Size
    entries: Count
    read_bytes: Size


class SlurmSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A cluster under Slurm: how it is reached, what goes there, and how patient to be with it."""

    enabled: bool
    landing: str
    listen: str
    certificate: str
    python: Annotated[str, msgspec.Meta(min_length=1)]
    conf: str
    options: tuple[str, ...]
    node_dir: Annotated[str, msgspec.Meta(pattern=r"^/[^\n']*$", max_length=40)]
    shared_files: bool
    submitted_total: Count
    submitted_per_user: Count
    look_seconds: Seconds
    silence_seconds: Seconds
    linger_seconds: Seconds
    queues: dict[str, str]


class PlaceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where tasks run that are not started on this machine."""

    slurm: SlurmSettings

    @property
    def queues(self) -> frozenset[str]:
        """The queues whose tasks go there."""
        return frozenset(self.slurm.queues if self.slurm.enabled else ())


class EngineSettings(msgspec.Struct, frozen=True):
    """One engine: whether it is offered, and its own table of settings."""

    enabled: bool
    settings: dict[str, object]


class DialectSettings(msgspec.Struct, frozen=True):
    """One dialect: whether it is spoken, below which path, and its own table of settings.

    ``reads`` is whose shared tasks its routes may read, empty for what each route says by itself.
    ``origins`` are web origins that may use it besides those of the server, ``*`` for any.
    """

    enabled: bool
    mount: str
    settings: dict[str, object]
    reads: Literal["", "own", "logged_in", "public"] = ""
    origins: tuple[str, ...] = ()


class ServiceSettings(msgspec.Struct, frozen=True):
    """One service of another package: whether it is offered, and its own table of settings."""

    enabled: bool
    settings: dict[str, object]


class Config(msgspec.Struct, frozen=True):
    """All settings, complete and checked."""

    server: Server
    redis: Redis
    node: Node
    auth: Auth
    limits: Limits
    objects: Objects
    log: Log
    tracing: Tracing
    runner: Runner
    sessions: Sessions
    retention: Retention
    results: Results
    files: Files
    engines: dict[str, EngineSettings]
    dialects: dict[str, DialectSettings]
    services: dict[str, ServiceSettings]
    places: PlaceSettings
