"""Tests of Narthex."""
