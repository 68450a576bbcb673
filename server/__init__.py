"""The REST API over an engine. Knows no SQL."""
