"""The examples as tests."""
