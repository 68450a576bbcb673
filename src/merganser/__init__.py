"""Merganser: streaming SQL on Kafka for Python."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("merganser")
except PackageNotFoundError:  # A source tree on the path that was never installed.
    __version__ = "0.0.0"

__all__ = ["__version__"]
