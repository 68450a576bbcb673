"""Fixtures and options for all tests."""

import pytest

pytest_plugins = ["tests.kafka_server.plugin"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that rewrites golden files; the diff is to be reviewed."""
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files")
