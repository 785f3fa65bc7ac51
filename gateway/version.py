"""The version of the distribution, in the one place that the build and the product both read."""

__version__ = "0.2.0"
