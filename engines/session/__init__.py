"""Warm sessions: a process that takes statements one after another."""
