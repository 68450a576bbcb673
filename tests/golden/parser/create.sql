# stream with columns
CREATE STREAM pageviews (user_id VARCHAR KEY, url STRING, viewed BIGINT)
  WITH (kafka_topic = 'pageviews', value_format='json', PARTITIONS=3);
----
CreateSource
  name: 'PAGEVIEWS'
  is_table: False
  columns:
  - ColumnDefinition
      name: 'USER_ID'
      type: VARCHAR
      constraint: KEY
  - ColumnDefinition
      name: 'URL'
      type: STRING
  - ColumnDefinition
      name: 'VIEWED'
      type: BIGINT
  properties: (('KAFKA_TOPIC', 'pageviews'), ('VALUE_FORMAT', 'json'), ('PARTITIONS', 3))
=> CREATE STREAM PAGEVIEWS (USER_ID VARCHAR KEY, URL STRING, VIEWED BIGINT) WITH (KAFKA_TOPIC='pageviews', VALUE_FORMAT='json', PARTITIONS=3);

# table with a primary key
create table Users (id int primary key, "Name" varchar(255)) with (KAFKA_TOPIC='u', VALUE_FORMAT='AVRO', `wrap_single_value`=false);
----
CreateSource
  name: 'USERS'
  is_table: True
  columns:
  - ColumnDefinition
      name: 'ID'
      type: INT
      constraint: PRIMARY_KEY
  - ColumnDefinition
      name: 'Name'
      type: VARCHAR
  properties: (('KAFKA_TOPIC', 'u'), ('VALUE_FORMAT', 'AVRO'), ('WRAP_SINGLE_VALUE', False))
=> CREATE TABLE USERS (ID INT PRIMARY KEY, `Name` VARCHAR) WITH (KAFKA_TOPIC='u', VALUE_FORMAT='AVRO', WRAP_SINGLE_VALUE=FALSE);

# all the options of a definition
CREATE OR REPLACE SOURCE TABLE IF NOT EXISTS t (k INT PRIMARY KEY) WITH ('kafka_topic'='t', retention_ms=-1, a=1.5, b=1E3, c=NULL, d=TRUE);
----
CreateSource
  name: 'T'
  is_table: True
  columns:
  - ColumnDefinition
      name: 'K'
      type: INT
      constraint: PRIMARY_KEY
  properties: (('KAFKA_TOPIC', 't'), ('RETENTION_MS', -1), ('A', 1.5), ('B', 1000.0), ('C', None), ('D', True))
  or_replace: True
  read_only: True
  if_not_exists: True
=> CREATE OR REPLACE SOURCE TABLE IF NOT EXISTS T (K INT PRIMARY KEY) WITH (KAFKA_TOPIC='t', RETENTION_MS=-1, A=1.5, B=1000.0, C=NULL, D=TRUE);

# columns and properties may be left out
CREATE STREAM a; CREATE STREAM b WITH (kafka_topic='b'); CREATE STREAM c (x INT);
----
CreateSource
  name: 'A'
  is_table: False
=> CREATE STREAM A;
CreateSource
  name: 'B'
  is_table: False
  properties: (('KAFKA_TOPIC', 'b'))
=> CREATE STREAM B WITH (KAFKA_TOPIC='b');
CreateSource
  name: 'C'
  is_table: False
  columns:
  - ColumnDefinition
      name: 'X'
      type: INT
=> CREATE STREAM C (X INT);

# headers
CREATE STREAM s (h ARRAY<STRUCT<key STRING, value BYTES>> HEADERS);
CREATE STREAM s (a BYTES HEADER('it''s'));
----
CreateSource
  name: 'S'
  is_table: False
  columns:
  - ColumnDefinition
      name: 'H'
      type: ARRAY<STRUCT<KEY STRING, VALUE BYTES>>
      constraint: HEADERS
=> CREATE STREAM S (H ARRAY<STRUCT<KEY STRING, VALUE BYTES>> HEADERS);
CreateSource
  name: 'S'
  is_table: False
  columns:
  - ColumnDefinition
      name: 'A'
      type: BYTES
      constraint: HEADER
      header: "it's"
=> CREATE STREAM S (A BYTES HEADER('it''s'));

# types
CREATE STREAM s (a DECIMAL(10, 2), b MAP<STRING, ARRAY<INT>>, c STRUCT<x INT, `y` STRUCT<z DOUBLE>>,
  d STRUCT<>, e INT ARRAY, f INT ARRAY ARRAY KEY, g VARCHAR(STRING), h address, i `Address`, j STRUCT< >, k BYTES);
----
CreateSource
  name: 'S'
  is_table: False
  columns:
  - ColumnDefinition
      name: 'A'
      type: DECIMAL(10, 2)
  - ColumnDefinition
      name: 'B'
      type: MAP<STRING, ARRAY<INT>>
  - ColumnDefinition
      name: 'C'
      type: STRUCT<X INT, `y` STRUCT<Z DOUBLE>>
  - ColumnDefinition
      name: 'D'
      type: STRUCT<>
  - ColumnDefinition
      name: 'E'
      type: ARRAY<INT>
  - ColumnDefinition
      name: 'F'
      type: ARRAY<ARRAY<INT>>
      constraint: KEY
  - ColumnDefinition
      name: 'G'
      type: VARCHAR
  - ColumnDefinition
      name: 'H'
      type: ADDRESS
  - ColumnDefinition
      name: 'I'
      type: `Address`
  - ColumnDefinition
      name: 'J'
      type: STRUCT<>
  - ColumnDefinition
      name: 'K'
      type: BYTES
=> CREATE STREAM S (A DECIMAL(10, 2), B MAP<STRING, ARRAY<INT>>, C STRUCT<X INT, `y` STRUCT<Z DOUBLE>>, D STRUCT<>, E ARRAY<INT>, F ARRAY<ARRAY<INT>> KEY, G VARCHAR, H ADDRESS, I `Address`, J STRUCT<>, K BYTES);

# non-reserved words as names
CREATE STREAM source (key STRING KEY, date DATE, time TIME, timestamp TIMESTAMP, type INT, if INT, emit INT, array ARRAY<INT>, map INT, struct STRUCT<struct INT>, id INT, headers INT HEADERS, zone INTEGER);
----
CreateSource
  name: 'SOURCE'
  is_table: False
  columns:
  - ColumnDefinition
      name: 'KEY'
      type: STRING
      constraint: KEY
  - ColumnDefinition
      name: 'DATE'
      type: DATE
  - ColumnDefinition
      name: 'TIME'
      type: TIME
  - ColumnDefinition
      name: 'TIMESTAMP'
      type: TIMESTAMP
  - ColumnDefinition
      name: 'TYPE'
      type: INT
  - ColumnDefinition
      name: 'IF'
      type: INT
  - ColumnDefinition
      name: 'EMIT'
      type: INT
  - ColumnDefinition
      name: 'ARRAY'
      type: ARRAY<INT>
  - ColumnDefinition
      name: 'MAP'
      type: INT
  - ColumnDefinition
      name: 'STRUCT'
      type: STRUCT<`STRUCT` INT>
  - ColumnDefinition
      name: 'ID'
      type: INT
  - ColumnDefinition
      name: 'HEADERS'
      type: INT
      constraint: HEADERS
  - ColumnDefinition
      name: 'ZONE'
      type: INTEGER
=> CREATE STREAM SOURCE (KEY STRING KEY, DATE DATE, TIME TIME, TIMESTAMP TIMESTAMP, TYPE INT, IF INT, EMIT INT, `ARRAY` ARRAY<INT>, `MAP` INT, `STRUCT` STRUCT<`STRUCT` INT>, ID INT, HEADERS INT HEADERS, ZONE INTEGER);

# names that begin with a digit or are quoted
CREATE STREAM `7-up` (1R INT, 2_x INT, 3@ INT, "a ""b""" INT, `c``d` INT);
----
CreateSource
  name: '7-up'
  is_table: False
  columns:
  - ColumnDefinition
      name: '1R'
      type: INT
  - ColumnDefinition
      name: '2_X'
      type: INT
  - ColumnDefinition
      name: '3@'
      type: INT
  - ColumnDefinition
      name: 'a "b"'
      type: INT
  - ColumnDefinition
      name: 'c`d'
      type: INT
=> CREATE STREAM `7-up` (`1R` INT, `2_X` INT, `3@` INT, `a "b"` INT, `c``d` INT);

# create as select
CREATE STREAM out WITH (value_format='JSON') AS SELECT * FROM s EMIT CHANGES;
CREATE OR REPLACE TABLE IF NOT EXISTS t AS SELECT a, COUNT(*) FROM s GROUP BY a;
----
CreateAsSelect
  name: 'OUT'
  is_table: False
  query: Query
    items:
    - SelectAll
    source: SourceRef
      name: 'S'
    emit: CHANGES
  properties: (('VALUE_FORMAT', 'JSON'))
=> CREATE STREAM OUT WITH (VALUE_FORMAT='JSON') AS SELECT *
FROM S
EMIT CHANGES;
CreateAsSelect
  name: 'T'
  is_table: True
  query: Query
    items:
    - SelectItem
        expression: A
    - SelectItem
        expression: Anonymous(this='COUNT', expressions=[Star()])
    source: SourceRef
      name: 'S'
    group_by: (A)
  or_replace: True
  if_not_exists: True
=> CREATE OR REPLACE TABLE IF NOT EXISTS T AS SELECT
  A,
  COUNT(*)
FROM S
GROUP BY A;

# alter
ALTER STREAM s ADD COLUMN a INT, ADD b ARRAY<INT>, ADD column INT, ADD COLUMN column INT; ALTER TABLE t ADD COLUMN `x y` STRING;
----
AlterSource
  name: 'S'
  is_table: False
  columns:
  - ColumnDefinition
      name: 'A'
      type: INT
  - ColumnDefinition
      name: 'B'
      type: ARRAY<INT>
  - ColumnDefinition
      name: 'COLUMN'
      type: INT
  - ColumnDefinition
      name: 'COLUMN'
      type: INT
=> ALTER STREAM S ADD COLUMN A INT, ADD COLUMN B ARRAY<INT>, ADD COLUMN COLUMN INT, ADD COLUMN COLUMN INT;
AlterSource
  name: 'T'
  is_table: True
  columns:
  - ColumnDefinition
      name: 'x y'
      type: STRING
=> ALTER TABLE T ADD COLUMN `x y` STRING;

# drop
DROP STREAM s; DROP TABLE IF EXISTS t DELETE TOPIC; DROP TYPE ty; DROP TYPE IF EXISTS ty; DROP CONNECTOR c; DROP CONNECTOR IF EXISTS `c-1`;
----
DropSource
  name: 'S'
  is_table: False
=> DROP STREAM S;
DropSource
  name: 'T'
  is_table: True
  if_exists: True
  delete_topic: True
=> DROP TABLE IF EXISTS T DELETE TOPIC;
DropType
  name: 'TY'
=> DROP TYPE TY;
DropType
  name: 'TY'
  if_exists: True
=> DROP TYPE IF EXISTS TY;
DropConnector
  name: 'C'
=> DROP CONNECTOR C;
DropConnector
  name: 'c-1'
  if_exists: True
=> DROP CONNECTOR IF EXISTS `c-1`;

# types by name
CREATE TYPE address AS STRUCT<street STRING, no INT>; CREATE TYPE IF NOT EXISTS money AS DECIMAL(12, 2); CREATE TYPE if AS INT;
----
CreateType
  name: 'ADDRESS'
  type: STRUCT<STREET STRING, NO INT>
=> CREATE TYPE ADDRESS AS STRUCT<STREET STRING, NO INT>;
CreateType
  name: 'MONEY'
  type: DECIMAL(12, 2)
  if_not_exists: True
=> CREATE TYPE IF NOT EXISTS MONEY AS DECIMAL(12, 2);
CreateType
  name: 'IF'
  type: INT
=> CREATE TYPE IF AS INT;

# connectors keep the case of their properties
CREATE SOURCE CONNECTOR IF NOT EXISTS `jdbc-1` WITH ('connector.class'='io.Jdbc', "Mode"='bulk', tasks_max=1);
CREATE SINK CONNECTOR c WITH ('topics'='a');
----
CreateConnector
  name: 'jdbc-1'
  is_source: True
  properties: (('connector.class', 'io.Jdbc'), ('Mode', 'bulk'), ('tasks_max', 1))
  if_not_exists: True
=> CREATE SOURCE CONNECTOR IF NOT EXISTS `jdbc-1` WITH ('connector.class'='io.Jdbc', 'Mode'='bulk', 'tasks_max'=1);
CreateConnector
  name: 'C'
  is_source: False
  properties: (('topics', 'a'))
=> CREATE SINK CONNECTOR C WITH ('topics'='a');
