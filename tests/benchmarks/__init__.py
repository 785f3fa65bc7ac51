"""How fast it is, each figure beside a limit or peer that is measured in the same run."""
