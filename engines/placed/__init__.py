"""What runs on a machine of a place: the porter, which starts runs and carries them back."""
