"""Fixtures and options for all tests."""

import os

import pytest
from hypothesis import settings

# CI repeats the same examples, so that a red run is about the change; elsewhere they are new.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")

# A golden case that differs shows where.
pytest.register_assert_rewrite("tests.golden.golden")

pytest_plugins = ["tests.kafka_server.plugin"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that rewrites golden files; the diff is to be reviewed."""
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files")
