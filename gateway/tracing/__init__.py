"""Spans of what becomes of a task, for whoever collects them; off unless the settings say so."""
