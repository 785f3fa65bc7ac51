"""A user of this machine as whom tasks may run."""

from __future__ import annotations

import pwd

from gateway.config.system_users import number_of

__all__ = ["usable_user"]


def usable_user() -> tuple[str, int]:
    """The name and number of one; every system has users besides root."""
    for one in pwd.getpwall():
        try:
            return one.pw_name, number_of(one.pw_name)
        except ValueError:
            continue
    raise AssertionError("this machine has no user but root")
