"""From logical plan to topology: operators over batches, as DuckDB statements."""
