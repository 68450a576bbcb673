"""Tests of the engine's small parts."""
