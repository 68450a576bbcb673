"""Runs conformance cases: statements and input records in, output records compared."""
