# misspelt first word
SELCT * FROM x;
----
line 1:1: unexpected "SELCT", expected a statement
SELCT * FROM x;
^^^^^
Hint: Did you mean SELECT?

# misspelt word inside
CREATE STREEM x;
----
line 1:8: unexpected "STREEM", expected FUNCTION, OR, SINK, SOURCE, STREAM, TABLE or TYPE
CREATE STREEM x;
       ^^^^^^
Hint: Did you mean STREAM?

# misspelt word taken for an alias
SELECT a FORM b;
----
line 1:15: unexpected "b", expected "," or FROM
SELECT a FORM b;
              ^
Hint: Did you mean FROM where FORM stands?

# misspelt clause
CREATE STREAM s (a INT) WIHT (kafka_topic='x');
----
line 1:25: unexpected "WIHT", expected ";" or WITH
CREATE STREAM s (a INT) WIHT (kafka_topic='x');
                        ^^^^
Hint: Did you mean WITH?

# misspelt unit
SELECT a FROM b WINDOW TUMBLING (SIZE 1 DYS);
----
line 1:41: unexpected "DYS", expected a unit of time
SELECT a FROM b WINDOW TUMBLING (SIZE 1 DYS);
                                        ^^^
Hint: Did you mean DAYS?

# keywords do not run together
DROPTABLE x;
----
line 1:1: unexpected "DROPTABLE", expected a statement
DROPTABLE x;
^^^^^^^^^

# unknown list
SHOW NOPE;
----
line 1:6: unexpected "NOPE", expected ALL, CONNECTOR, CONNECTORS, FUNCTIONS, PROPERTIES, QUERIES, SINK, SOURCE, STREAMS, TABLES, TOPICS, TYPES or VARIABLES
SHOW NOPE;
     ^^^^

# half an EMIT
SELECT * FROM s EMIT CHANGE;
----
line 1:22: unexpected "CHANGE", expected JOIN, ";", EMIT, GROUP BY, HAVING, LIMIT, PARTITION BY, QUALIFY, UNION ALL, WHERE or WINDOW
SELECT * FROM s EMIT CHANGE;
                     ^^^^^^
Hint: It is EMIT CHANGES or EMIT FINAL.

# reserved word as a column
CREATE STREAM s (values INT);
----
line 1:18: unexpected "values", expected a name
CREATE STREAM s (values INT);
                 ^^^^^^
Hint: VALUES is a reserved word; as a name it must be quoted: `VALUES`.

# reserved word in an expression
SELECT topic FROM s;
----
line 1:8: unexpected "topic", expected an expression or "*"
SELECT topic FROM s;
       ^^^^^
Hint: TOPIC is a reserved word; as a name it must be quoted: `TOPIC`.

# reserved word as an alias
SELECT a AS at FROM s;
----
line 1:13: unexpected "at", expected a name
SELECT a AS at FROM s;
            ^^
Hint: AT is a reserved word; as a name it must be quoted: `AT`.

# reserved word as a source
SELECT * FROM view;
----
line 1:15: unexpected "view", expected a name or "("
SELECT * FROM view;
              ^^^^
Hint: VIEW is a reserved word; as a name it must be quoted: `VIEW`.

# clauses out of order
SELECT a FROM s GROUP BY a WHERE b = 1;
----
line 1:28: unexpected "WHERE", expected an operator, ",", ";", EMIT, HAVING, LIMIT, PARTITION BY, QUALIFY or UNION ALL
SELECT a FROM s GROUP BY a WHERE b = 1;
                           ^^^^^

# retention after grace
SELECT a FROM s WINDOW TUMBLING (SIZE 1 DAY, GRACE PERIOD 1 SECOND, RETENTION 1 DAY);
----
line 1:67: unexpected ",", expected ")"
SELECT a FROM s WINDOW TUMBLING (SIZE 1 DAY, GRACE PERIOD 1 SECOND, RETENTION 1 DAY);
                                                                  ^

# no order by
SELECT * FROM s ORDER BY a;
----
line 1:23: unexpected "BY", expected JOIN, ";", EMIT, GROUP BY, HAVING, LIMIT, PARTITION BY, QUALIFY, UNION ALL, WHERE or WINDOW
SELECT * FROM s ORDER BY a;
                      ^^
Hint: There is no ORDER BY: rows come as their records do.

# no distinct
SELECT DISTINCT a FROM s;
----
line 1:8: unexpected "DISTINCT", expected an expression or "*"
SELECT DISTINCT a FROM s;
       ^^^^^^^^
Hint: There is no DISTINCT: GROUP BY gives a row a key, COUNT_DISTINCT counts values.

# no union
SELECT a FROM s UNION SELECT a FROM t;
----
line 1:17: UNION of distinct rows is not supported: every row would have to be kept for ever
SELECT a FROM s UNION SELECT a FROM t;
                ^^^^^
Hint: Use UNION ALL, and QUALIFY ROW_NUMBER() … = 1 for the first row of each key.

# a sub-query that is none
SELECT a FROM (s);
----
line 1:16: unexpected "s", expected SELECT or WITH
SELECT a FROM (s);
               ^

# no sub-query in an expression
SELECT a FROM s WHERE a IN (SELECT a FROM t);
----
line 1:29: unexpected "SELECT", expected an expression
SELECT a FROM s WHERE a IN (SELECT a FROM t);
                            ^^^^^^
Hint: A sub-query stands in FROM or WITH; others are CREATE TABLE … AS SELECT and a JOIN.

# predicates do not chain
SELECT a = b = c FROM s;
----
line 1:14: unexpected "=", expected an operator, a name, ",", AS or FROM
SELECT a = b = c FROM s;
             ^

# lambda not at the end
SELECT TRANSFORM(x => x, a) FROM s;
----
line 1:20: unexpected "=>", expected an operator, ")" or ","
SELECT TRANSFORM(x => x, a) FROM s;
                   ^^
