"""What the runner keeps true about the index in Redis."""
