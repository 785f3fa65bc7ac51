"""The verbs on users, groups and tokens for who owns a data folder, without a gateway.

The same services and stores as a gateway has, so that a change counts in a running one at once.
What is changed here is noted in ``audit.log`` of the data folder: there may be no gateway whose
journal could say it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
from pathlib import Path
from typing import Any, TextIO, TypeVar

import click

from gateway.auth.throttle import Throttle
from gateway.auth.tokens import SigningKeyError, Tokens, load_key, make_key
from gateway.caller import Caller
from gateway.config import ConfigError, Log, load
from gateway.data_paths import DataPathError, DataPaths
from gateway.dispatch import Dispatch
from gateway.journal import set_up
from gateway.metrics import Metrics
from gateway.services.catalog import join
from gateway.services.directory import DirectoryService
from gateway.services.heavy_work import HeavyWork
from gateway.services.login import LoginService
from gateway.services.parts import Credentials
from gateway.services.tokens import TokenService
from gateway.stores.directory import Directory
from gateway.stores.known_addresses import KnownAddresses
from gateway.stores.revocations import Revocations
from gateway.stores.tokens import TokenRecords
from protocol.accounts import Principal, Role
from protocol.command import Command
from protocol.commands.directory import (
    AddUser,
    DropGroup,
    Join,
    Leave,
    PatchProfile,
    PutGroup,
    RemoveUser,
    SetGroups,
    SetPassword,
)
from protocol.errors import GatewayError

__all__ = ["ask"]

R = TypeVar("R")
_CHANGES = (
    *(AddUser, RemoveUser, SetPassword, PatchProfile, SetGroups, Join, Leave),
    *(PutGroup, DropGroup),
)
_AUDIT_BYTES = 8 << 20


def ask(data_dir: Path | None, command: Command[R], *, make: bool = False) -> R:
    """What the command asked for, carried out as an administrator on the files of a data folder.

    ``make`` makes the folder if it is not there. Every refusal becomes one line.
    """
    paths = DataPaths.of(data_dir)
    try:
        if make:
            paths.prepare()
        if not paths.data.is_dir():
            raise click.ClickException(f"there is no data folder {paths.data}")
        with _audit_log(paths) as stream:
            set_up(Log(level="error", format="text"), "cli", stream)
            return asyncio.run(_carried_out(paths, command))
    except GatewayError as error:
        raise click.ClickException(error.message) from error
    except (ConfigError, DataPathError, SigningKeyError) as error:
        raise click.ClickException(str(error)) from error


async def _carried_out(paths: DataPaths, command: Command[R]) -> R:
    async with contextlib.aclosing(HeavyWork(1)) as heavy:
        return await _dispatch(paths, heavy, command)(_owner(), command)


def _dispatch(paths: DataPaths, heavy: HeavyWork, command: Command[Any]) -> Dispatch:
    config = load(paths.config if paths.config.exists() else None)
    if not config.node.keeps_accounts and isinstance(command, _CHANGES):
        raise click.ClickException(f"users and groups are kept on node {config.node.accounts}")
    auth = config.auth
    directory = Directory.of(paths)
    make_key(paths.token_key)
    issuer = Tokens(load_key(paths.token_key), auth.max_token_seconds)
    tokens = TokenService(
        issuer,
        directory,
        Revocations(paths.revoked),
        TokenRecords(paths.tokens),
        seconds=auth.token_seconds,
        renew_seconds=auth.renew_seconds,
        max_seconds=auth.max_token_seconds,
    )
    credentials = Credentials(issuer, Throttle(auth.login_window_seconds))
    login = LoginService(
        credentials,
        directory,
        tokens,
        KnownAddresses(paths.addresses),
        attempts=auth.login_attempts,
    )
    services = (DirectoryService(directory, tokens, login), tokens)
    return Dispatch(join(services, ()), Metrics(), heavy)


def _owner() -> Caller:
    """Who can write the data folder may do anything there."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = str(os.getuid())
    return Caller(Principal("", Role.ADMIN, holder=f"owner {name}"), "command line")


def _audit_log(paths: DataPaths) -> TextIO:
    """The file that is appended to; an old one is kept beside it when it has grown long."""
    path = paths.audit_log
    if path.exists() and path.stat().st_size > _AUDIT_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    return os.fdopen(descriptor, "a", encoding="utf-8")
