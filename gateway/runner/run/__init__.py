"""What the runner does about one run."""
