"""Tests of the statements that only read."""
