"""A user besides the administrator, for what nobody else may see."""

import subprocess

from tests.support.served import NARTHEX, Served, token_for

__all__ = ["stranger_token"]

_NAME = "stranger"


def stranger_token(gateway: Served) -> str:
    """A token of a user who is no administrator; the user is made at the first use."""
    if f'"{_NAME}"' not in (gateway.data / "directory.json").read_text():
        subprocess.run(
            [*NARTHEX, "user", "add", _NAME, "--password-stdin", "--data-dir", str(gateway.data)],
            input="correct horse battery\n",
            text=True,
            capture_output=True,
            timeout=30,
            check=True,
        )
    return token_for(_NAME, gateway.data)
