"""Text to syntax tree. Knows the language and nothing of catalogs, Kafka or DuckDB.

`build` has the entry points, `ast` the statements, `grammar.lark` the syntax.
"""
