"""The only Redis, and the only disk on the gateway's side."""
