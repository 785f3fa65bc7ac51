"""What every test may ask for."""

from __future__ import annotations

from hypothesis import settings

pytest_plugins = ["tests.support.redis_server"]

# What an example takes says more about the machine than about us.
settings.register_profile("narthex", deadline=None)
settings.load_profile("narthex")
