"""Tests of the pure functions of the parser."""
