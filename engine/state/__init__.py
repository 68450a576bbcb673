"""State files: one DuckDB file a query, a cache of what the log holds."""
