"""Tests of the formats: rules, round trips, and SQL reading against exact reading."""
