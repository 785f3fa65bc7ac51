"""Tests of the OpenPAI dialect without a server."""
