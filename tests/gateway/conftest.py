"""Gateways for every test below."""

from tests.support.gateway import gateway, own_gateway
from tests.support.parts import core

__all__ = ["core", "gateway", "own_gateway"]
