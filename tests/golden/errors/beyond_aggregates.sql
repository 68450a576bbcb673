# a filter behind a function of single values
SELECT K, ABS(V) FILTER (WHERE V > 1) FROM S EMIT CHANGES;
----
line 1:11: FILTER (WHERE ...) is only possible behind an aggregate function
Hint: To leave rows out of the whole query, use WHERE.

# a filter over groups
SELECT K, COUNT(*) FILTER (WHERE SUM(V) > 1) FROM S GROUP BY K EMIT CHANGES;
----
line 1:11: the condition of FILTER (WHERE ...) is told of single rows: it takes no aggregates
Hint: To leave groups out, use HAVING.

# a filter that is no condition
SELECT K, COUNT(*) FILTER (WHERE V) FROM S GROUP BY K EMIT CHANGES;
----
line 1:34: the condition of FILTER (WHERE ...) must be BOOLEAN, found BIGINT

# an aggregate of DuckDB with one argument too few
SELECT K, REGR_SLOPE(V) FROM S GROUP BY K EMIT CHANGES;
----
line 1:11: function REGR_SLOPE does not accept parameters (BIGINT)
It is DuckDB's, which says: No function matches the given name and argument types 'regr_slope(BIGINT)'. You might need to add explicit type casts. Candidate functions: regr_slope(y DOUBLE, x DOUBLE, /) -> DOUBLE

# one value a group cannot be undone
CREATE TABLE OUT AS SELECT COUNT(*), BIT_OR(1) FROM T GROUP BY K;
----
the aggregation function(s) BIT_OR cannot be applied to a table source, only to a stream source
