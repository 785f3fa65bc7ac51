"""Gateways for every test below."""

from tests.support.gateway import gateway, own_gateway

__all__ = ["gateway", "own_gateway"]
