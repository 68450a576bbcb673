# string not closed
SELECT 'abc FROM s;
SELECT b FROM s;
----
line 1:8: the string that begins here is not closed
SELECT 'abc FROM s;
       ^

# quoted name not closed
SELECT `abc FROM s;
----
line 1:8: the quoted name that begins here is not closed
SELECT `abc FROM s;
       ^

# comment not closed
SELECT a /* b FROM s;
----
line 1:10: the comment that begins here is not closed
SELECT a /* b FROM s;
         ^

# unknown character
SELECT a # b FROM s;
----
line 1:10: unexpected character "#"
SELECT a # b FROM s;
         ^

# backslash
SELECT 'a' \ 'b' FROM s;
----
line 1:12: unexpected character "\"
SELECT 'a' \ 'b' FROM s;
           ^

# string without quotes
CREATE STREAM s WITH (kafka_topic=abc);
----
line 1:35: unexpected "abc", expected a literal
CREATE STREAM s WITH (kafka_topic=abc);
                                  ^^^
Hint: A string stands in single quotes.

# string in double quotes
CREATE STREAM s WITH (kafka_topic="abc");
----
line 1:35: unexpected ""abc"", expected a literal
CREATE STREAM s WITH (kafka_topic="abc");
                                  ^^^^^
Hint: A string stands in single quotes.

# property of an expression
CREATE STREAM s WITH (partitions=1 + 2);
----
line 1:36: unexpected "+", expected ")" or ","
CREATE STREAM s WITH (partitions=1 + 2);
                                   ^

# number too large
CREATE STREAM s WITH (a=1e999);
----
line 1:23: the number 1e999 is too large
CREATE STREAM s WITH (a=1e999);
                      ^^^^^^^

# no decimal number
SELECT DECIMAL 'x' FROM s;
----
line 1:8: 'x' is not a decimal number
SELECT DECIMAL 'x' FROM s;
       ^^^^^^^^^^^

# size is no whole number
SELECT a FROM s WINDOW TUMBLING (SIZE 1.5 SECONDS);
----
line 1:39: unexpected "1.5", expected a whole number
SELECT a FROM s WINDOW TUMBLING (SIZE 1.5 SECONDS);
                                      ^^^

# limit is no whole number
SELECT a FROM s LIMIT 2.5;
----
line 1:23: unexpected "2.5", expected "-" or a whole number
SELECT a FROM s LIMIT 2.5;
                      ^^^

# source names are plain
CREATE STREAM `a b` AS SELECT * FROM s;
----
line 1:15: "a b" cannot be the name of a stream or table
Such a name has only the letters A to Z, a to z, digits, _ and -.
CREATE STREAM `a b` AS SELECT * FROM s;
              ^^^^^

# aliases of sources are plain
SELECT * FROM s AS `a.b`;
----
line 1:20: "a.b" cannot be the name of a stream or table
Such a name has only the letters A to Z, a to z, digits, _ and -.
SELECT * FROM s AS `a.b`;
                   ^^^^^

# variable not defined
SELECT ${col} FROM s;
----
line 1:8: variable "col" is not defined
SELECT ${col} FROM s;
       ^^^^^^
Hint: DEFINE it first; SHOW VARIABLES lists those that are.

# variable as a keyword
SELECT a ${from} s;
----
line 1:18: unexpected "s", expected "," or FROM
SELECT a ${from} s;
                 ^
