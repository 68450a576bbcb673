"""Crashes: nothing lost, nothing twice."""
