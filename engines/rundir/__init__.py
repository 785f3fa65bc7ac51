"""The run directory: what is known of one run, on disk."""
