"""Tests of the settings and of what stands beside them."""
