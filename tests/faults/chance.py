"""Chance that comes again: everything random in a fault test is drawn from a seed."""

from __future__ import annotations

import random

__all__ = ["chance"]


def chance(*seed: object) -> random.Random:
    """A generator for one purpose; the same words give the same numbers."""
    return random.Random(" ".join(map(str, seed)))  # noqa: S311 - faults, not secrets
