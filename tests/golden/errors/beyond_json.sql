# another format
CREATE STREAM X (J JSON) WITH (KAFKA_TOPIC='x', VALUE_FORMAT='DELIMITED', PARTITIONS=1);
----
format DELIMITED has no JSON values, and column `J` is JSON
Hint: Use STRING, which -> and ->> take, too; or CAST(… AS STRING).

# in a key
CREATE STREAM X (J JSON KEY, V INT) WITH (KAFKA_TOPIC='x', KEY_FORMAT='JSON', VALUE_FORMAT='JSON', PARTITIONS=1);
----
key column `J` has type JSON, and keys cannot hold JSON: two texts may mean the same
Hint: A part of it can be a key, such as PARTITION BY payload->>'id'.

# as a new key
CREATE STREAM OUT WITH (KEY_FORMAT='JSON') AS SELECT G->'a' AS A, V FROM S PARTITION BY G->'a';
----
key column `A` has type JSON, and keys cannot hold JSON: two texts may mean the same
Hint: A part of it can be a key, such as PARTITION BY payload->>'id'.

# a path to several parts
CREATE STREAM OUT AS SELECT K, G->'$.a[*]' AS A FROM S;
----
line 1:32: '$.a[*]' is no path to one part of JSON
Hint: A path is $ and steps such as .name, ."any name" and [0]; a text without $ is a key.

# a part of what is no JSON
CREATE STREAM OUT AS SELECT K, V->>'a' AS A FROM S;
----
line 1:32: ->> with a path needs JSON or a STRING that holds it, found `V` (BIGINT)
Hint: A field of a STRUCT is a name: value->field.

# an order of JSON
CREATE STREAM OUT AS SELECT K, V FROM S WHERE G->'a' < 'b';
----
line 1:47: operator < cannot compare `G`->'$."a"' (JSON) with 'b' (STRING)
Hint: You might need to add explicit type casts.
