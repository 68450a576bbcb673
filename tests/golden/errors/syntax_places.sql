# nothing before the semicolon
;
----
line 1:1: unexpected ";", expected a statement
;
^

# semicolon missing
SHOW TYPES
----
line 1:11: the ";" at the end of the statement is missing
SHOW TYPES
          ^

# semicolon missing in the second statement
SHOW TYPES;
SELECT *
  FROM s
  EMIT CHANGES
----
line 4:15: the ";" at the end of the statement is missing
  EMIT CHANGES
              ^

# ends too early
SELECT a, FROM s
----
line 1:11: unexpected "FROM", expected an expression or "*"
SELECT a, FROM s
          ^^^^

# ends in the middle
SELECT a FROM s WHERE
----
line 1:22: the statement ends too early, expected an expression
SELECT a FROM s WHERE
                     ^

# nothing selected
SELECT FROM s;
----
line 1:8: unexpected "FROM", expected an expression or "*"
SELECT FROM s;
       ^^^^

# second statement of a line
SHOW STREAMS; CREATE NOPE;
----
line 1:22: unexpected "NOPE", expected FUNCTION, OR, SINK, SOURCE, STREAM, TABLE or TYPE
SHOW STREAMS; CREATE NOPE;
                     ^^^^

# second line
SHOW TYPES;
SELECT FROM;
----
line 2:8: unexpected "FROM", expected an expression or "*"
SELECT FROM;
       ^^^^

# tabs before the place
SELECT	a	b	c FROM s;
----
line 1:12: unexpected "c", expected "," or FROM
SELECT	a	b	c FROM s;
      	 	 	^

# place in a long line
SELECT column_0 AS c0, column_1 AS c1, column_2 AS c2, column_3 AS c3, column_4 AS c4, column_5 AS c5, column_6 AS c6, column_7 AS c7, column_8 AS c8, column_9 AS c9, column_10 AS c10, column_11 AS c11, column_12 AS c12, column_13 AS c13, column_14 AS c14, column_15 AS c15, column_16 AS c16, column_17 AS c17, column_18 AS c18, column_19 AS c19 FRM s WHERE x = 1 AND column_0 = 0 AND column_1 = 1 AND column_2 = 2 AND column_3 = 3 AND column_4 = 4 AND column_5 = 5 AND column_6 = 6 AND column_7 = 7 AND column_8 = 8 AND column_9 = 9;
----
line 1:347: unexpected "FRM", expected "," or FROM
S c16, column_17 AS c17, column_18 AS c18, column_19 AS c19 FRM s WHERE x = 1 AND column_0 = 0 AND column_1 = 1 AND colu
                                                            ^^^
Hint: Did you mean FROM?

# carriage returns
SELECT a
FROM s WHERE ?;
----
line 2:14: unexpected character "?"
FROM s WHERE ?;
             ^

# parenthesis not closed
SELECT f(a FROM s;
----
line 1:12: unexpected "FROM", expected an operator, ")" or ","
SELECT f(a FROM s;
           ^^^^

# parenthesis too many
SELECT f(a)) FROM s;
----
line 1:12: unexpected ")", expected an operator, a name, ",", AS or FROM
SELECT f(a)) FROM s;
           ^

# list ends with a comma
CREATE STREAM s (a INT,);
----
line 1:24: unexpected ")", expected a name
CREATE STREAM s (a INT,);
                       ^

# empty IN
SELECT a IN () FROM s;
----
line 1:14: unexpected ")", expected an expression
SELECT a IN () FROM s;
             ^

# no type
CREATE STREAM s (a, b INT);
----
line 1:19: unexpected ",", expected a type
CREATE STREAM s (a, b INT);
                  ^

# half a decimal type
CREATE STREAM s (a DECIMAL(5));
----
line 1:29: unexpected ")", expected ","
CREATE STREAM s (a DECIMAL(5));
                            ^

# alias without name
SELECT a AS FROM s;
----
line 1:13: unexpected "FROM", expected a name
SELECT a AS FROM s;
            ^^^^
