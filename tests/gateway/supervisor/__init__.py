"""Tests of gateway.supervisor."""
