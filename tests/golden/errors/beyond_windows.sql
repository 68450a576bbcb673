# a row that has not come yet
CREATE STREAM OUT AS SELECT K, LEAD(V) OVER (PARTITION BY K) AS N FROM S;
----
line 1:32: LEAD is not incremental: it needs a row that has not come yet
Hint: LAG gives the same pairs of rows, from the later one.

# an aggregate over rows
SELECT K, SUM(V) OVER (PARTITION BY K) FROM S EMIT CHANGES;
----
line 1:11: SUM cannot be used with OVER
Hint: ROW_NUMBER and LAG can. GROUP BY aggregates.

# numbers in an order without a bound
CREATE STREAM OUT AS SELECT K, ROW_NUMBER() OVER (PARTITION BY K ORDER BY V) AS N FROM S;
----
line 1:22: ROW_NUMBER with ORDER BY is only incremental with a bound: a row may come before all others, and then every number changes
Hint: Let QUALIFY be ROW_NUMBER() OVER (…) <= n and nothing else. Without ORDER BY rows are numbered as they arrive.

# more than the bound
CREATE TABLE OUT AS SELECT K, V FROM S QUALIFY ROW_NUMBER() OVER (PARTITION BY K ORDER BY V) = 1 AND V > 2;
----
line 1:48: ROW_NUMBER with ORDER BY is only incremental with a bound: a row may come before all others, and then every number changes
Hint: Let QUALIFY be ROW_NUMBER() OVER (…) <= n and nothing else. Without ORDER BY rows are numbered as they arrive.

# looking back in an order
CREATE STREAM OUT AS SELECT K, LAG(V) OVER (PARTITION BY K ORDER BY ROWTIME) AS N FROM S;
----
line 1:32: LAG with ORDER BY is not incremental: a row that comes late changes what was given
Hint: Leave ORDER BY out: rows are taken as they arrive.

# looking back a number of rows that is none
CREATE STREAM OUT AS SELECT K, LAG(V, V) OVER (PARTITION BY K) AS N FROM S;
----
line 1:32: LAG looks back a literal number of rows, from 1 to 1000

# another type for no row
CREATE STREAM OUT AS SELECT K, LAG(V, 1, 'none') OVER (PARTITION BY K) AS N FROM S;
----
line 1:32: LAG of BIGINT cannot give STRING for no such row
Hint: CAST it.

# over a table
CREATE TABLE OUT AS SELECT K, NAME FROM T QUALIFY ROW_NUMBER() OVER (PARTITION BY K) = 1;
----
line 1:51: QUALIFY and OVER are not incremental over a table: for a row that goes, those behind it would have to be kept
Hint: They can be used over the stream that the table is made from.

# over groups
CREATE TABLE OUT AS SELECT K, COUNT(*) AS N FROM S GROUP BY K QUALIFY ROW_NUMBER() OVER (PARTITION BY K) = 1;
----
line 1:71: QUALIFY and OVER cannot be used with GROUP BY: an aggregation's rows change
Hint: HAVING filters groups; TOPK and LATEST_BY_OFFSET are aggregates.

# without a key
SELECT K, ROW_NUMBER() OVER () AS N FROM S EMIT CHANGES;
----
line 1:11: ROW_NUMBER … OVER needs PARTITION BY: what is kept is kept for each key
Hint: Use the columns that identify what the rows are about.

# without OVER
SELECT K, V FROM S QUALIFY V > 2 EMIT CHANGES;
----
line 1:28: QUALIFY needs a call with OVER
Hint: WHERE filters by columns.

# in WHERE
SELECT K, V FROM S WHERE ROW_NUMBER() OVER (PARTITION BY K) = 1 EMIT CHANGES;
----
line 1:26: ROW_NUMBER … OVER cannot be used here
Hint: It can be in SELECT and QUALIFY of a query without GROUP BY.

# a table of several rows a key without their number
CREATE TABLE OUT AS SELECT K, V FROM S QUALIFY ROW_NUMBER() OVER (PARTITION BY K ORDER BY V) <= 3;
----
line 1:21: key missing from projection: the query result must contain ROW_NUMBER() OVER (PARTITION BY `K` ORDER BY `V`)
Hint: Add the key column to the SELECT list; it may have an alias.

# a table as a stream
CREATE STREAM OUT AS SELECT K, V FROM S QUALIFY ROW_NUMBER() OVER (PARTITION BY K ORDER BY V) = 1;
----
line 1:1: invalid result type: the SELECT gives a TABLE, not a STREAM
Hint: Use CREATE TABLE OUT AS SELECT instead.

# no bound at all
CREATE TABLE OUT AS SELECT K, V FROM S QUALIFY ROW_NUMBER() OVER (PARTITION BY K ORDER BY V) <= 0;
----
line 1:48: the bound of ROW_NUMBER must be from 1 to 1000, not 0
