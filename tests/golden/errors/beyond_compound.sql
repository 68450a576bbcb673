# rows of a table put together
CREATE STREAM OUT AS SELECT K, V FROM S UNION ALL SELECT K, NAME FROM T;
----
line 1:51: UNION ALL takes streams, this SELECT gives a table
Rows of one key from both sides would have to be told apart for ever.
Hint: A FULL OUTER JOIN of tables on their key has the rows of both.

# another number of columns
CREATE STREAM OUT AS SELECT K, V FROM S UNION ALL SELECT K, G, V FROM S;
----
line 1:51: UNION ALL needs the same number of columns: the first SELECT has 2, this one 3

# types that do not go together
CREATE STREAM OUT AS SELECT K, V FROM S UNION ALL SELECT K, G FROM S;
----
line 1:51: UNION ALL needs one type for column 2: G is STRING, before it was BIGINT
Hint: CAST one of them.

# other keys
CREATE STREAM OUT AS SELECT K, V FROM S UNION ALL SELECT G, V FROM S PARTITION BY NULL;
----
line 1:51: UNION ALL needs the same key columns in each SELECT: the first has `K` STRING KEY, `V` BIGINT, this one `G` STRING, `V` BIGINT
Hint: PARTITION BY gives a stream another key.

# a sub-query that ends
SELECT * FROM (SELECT K, V FROM S LIMIT 3) EMIT CHANGES;
----
line 1:15: LIMIT cannot be used in a sub-query: it would end there, and not with the query
Hint: QUALIFY ROW_NUMBER() OVER (PARTITION BY …) <= n keeps n rows of a key.

# a sub-query that emits
SELECT * FROM (SELECT K, V FROM S EMIT CHANGES) EMIT CHANGES;
----
line 1:15: EMIT cannot be used in a sub-query
Hint: EMIT CHANGES stands once, at the end of the whole query. EMIT FINAL needs a CREATE TABLE … AS SELECT of its own.

# a sub-query without its key
SELECT * FROM (SELECT V FROM S) EMIT CHANGES;
----
line 1:16: key missing from projection: the query result must contain `K`
Hint: Add the key column to the SELECT list; it may have an alias.

# a join with an aggregation
CREATE STREAM OUT AS SELECT S.K, N FROM S JOIN (SELECT K, COUNT(*) AS N FROM R GROUP BY K) C ON S.K = C.K;
----
line 1:48: the sub-query C cannot be joined: in a JOIN a sub-query can only select from, filter and re-key one stream or table
Hint: Make it a stream or table with CREATE … AS SELECT, and join that.

# a join with itself
CREATE STREAM OUT AS SELECT A.K, V FROM (SELECT K, V FROM S) A JOIN (SELECT K, G FROM S) B WITHIN 1 HOUR ON A.K = B.K;
----
line 1:69: cannot join 'S' to itself: self joins are not yet supported

# one name twice
WITH A AS (SELECT * FROM S), A AS (SELECT * FROM R) SELECT * FROM A EMIT CHANGES;
----
line 1:30: WITH gives the name A twice

# a name before its definition
WITH A AS (SELECT * FROM B), B AS (SELECT * FROM S) SELECT * FROM A EMIT CHANGES;
----
line 1:26: B does not exist

# nothing to pull from
WITH A AS (SELECT * FROM T) SELECT * FROM A;
----
line 1:1: WITH, UNION ALL and sub-queries need EMIT CHANGES
Hint: Add EMIT CHANGES for a push query, or CREATE … AS SELECT and read its result.

# windows in windows
CREATE TABLE OUT AS SELECT N, COUNT(*) AS M FROM (SELECT K, COUNT(*) AS N FROM S WINDOW TUMBLING (SIZE 1 HOUR) GROUP BY K) GROUP BY N;
----
line 1:50: the windowed sub-query SUBQUERY can only be filtered and selected from
Hint: Make it a table with CREATE TABLE … AS SELECT.

# table functions over table functions
CREATE STREAM OUT AS SELECT K, EXPLODE(ARRAY[X]) AS Y FROM (SELECT K, EXPLODE(TAGS) AS X FROM S);
----
line 1:22: table functions over the rows of a sub-query's table functions are not supported
Hint: Make the sub-query a stream with CREATE STREAM … AS SELECT.
