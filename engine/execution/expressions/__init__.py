"""Typed expressions as DuckDB SQL. Every difference between ksqlDB and DuckDB stands here."""
