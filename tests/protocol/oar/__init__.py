"""Tests of the OAR dialect without a gateway."""
