# insert values
INSERT INTO s VALUES (1, -2.5, 'x', NULL, ARRAY[1], f(1 + 2)); INSERT INTO s (a, `b c`) VALUES (1, TRUE); INSERT INTO s VALUES ();
----
InsertValues
  target: 'S'
  values: (1, Neg(this=2.5), 'x', Null(), Array(expressions=[1]), Anonymous(this='F', expressions=[Add(this=1, expression=2)]))
=> INSERT INTO S VALUES (1, -2.5, 'x', NULL, ARRAY[1], F((1 + 2)));
InsertValues
  target: 'S'
  columns: ('A', 'b c')
  values: (1, Boolean(this=True))
=> INSERT INTO S (A, `b c`) VALUES (1, TRUE);
InsertValues
  target: 'S'
  values: ()
=> INSERT INTO S VALUES ();

# insert select
INSERT INTO s SELECT a FROM t; INSERT INTO s WITH (query_id='q') SELECT a FROM t EMIT CHANGES;
----
InsertSelect
  target: 'S'
  query: Query
    items:
    - SelectItem
        expression: A
    source: SourceRef
      name: 'T'
=> INSERT INTO S SELECT A
FROM T;
InsertSelect
  target: 'S'
  query: Query
    items:
    - SelectItem
        expression: A
    source: SourceRef
      name: 'T'
    emit: CHANGES
  properties: (('QUERY_ID', 'q'))
=> INSERT INTO S WITH (QUERY_ID='q') SELECT A
FROM T
EMIT CHANGES;

# properties
SET 'auto.offset.reset'='earliest'; SET 'a' = 'it''s'; UNSET 'a'; ALTER SYSTEM 'a'='b'; SHOW PROPERTIES;
----
SetProperty
  name: 'auto.offset.reset'
  value: 'earliest'
=> SET 'auto.offset.reset'='earliest';
SetProperty
  name: 'a'
  value: "it's"
=> SET 'a'='it''s';
UnsetProperty
  name: 'a'
=> UNSET 'a';
AlterSystem
  name: 'a'
  value: 'b'
=> ALTER SYSTEM 'a'='b';
ListProperties
=> SHOW PROPERTIES;

# variables
DEFINE name = 'value'; DEFINE Format='''JSON'''; UNDEFINE name; SHOW VARIABLES; LIST VARIABLES;
----
DefineVariable
  name: 'name'
  value: 'value'
=> DEFINE `name`='value';
DefineVariable
  name: 'Format'
  value: "'JSON'"
=> DEFINE `Format`='''JSON''';
UndefineVariable
  name: 'name'
=> UNDEFINE `name`;
ListVariables
=> SHOW VARIABLES;
ListVariables
=> SHOW VARIABLES;

# lists
SHOW TOPICS; LIST ALL TOPICS EXTENDED; SHOW STREAMS; LIST TABLES EXTENDED; SHOW QUERIES; SHOW QUERIES EXTENDED; SHOW FUNCTIONS; SHOW TYPES; SHOW CONNECTORS; SHOW SOURCE CONNECTORS; LIST SINK CONNECTORS; SHOW CONNECTOR PLUGINS;
----
ListTopics
=> SHOW TOPICS;
ListTopics
  all: True
  extended: True
=> SHOW ALL TOPICS EXTENDED;
ListSources
  is_table: False
=> SHOW STREAMS;
ListSources
  is_table: True
  extended: True
=> SHOW TABLES EXTENDED;
ListQueries
=> SHOW QUERIES;
ListQueries
  extended: True
=> SHOW QUERIES EXTENDED;
ListFunctions
=> SHOW FUNCTIONS;
ListTypes
=> SHOW TYPES;
ListConnectors
=> SHOW CONNECTORS;
ListConnectors
  scope: 'SOURCE'
=> SHOW SOURCE CONNECTORS;
ListConnectors
  scope: 'SINK'
=> SHOW SINK CONNECTORS;
ListConnectorPlugins
=> SHOW CONNECTOR PLUGINS;

# describe
DESCRIBE s; DESCRIBE `s-1` EXTENDED; DESCRIBE FUNCTION ucase; DESCRIBE CONNECTOR `c`; DESCRIBE STREAMS; DESCRIBE TABLES EXTENDED; DESCRIBE function;
----
DescribeSource
  name: 'S'
=> DESCRIBE S;
DescribeSource
  name: 's-1'
  extended: True
=> DESCRIBE `s-1` EXTENDED;
DescribeFunction
  name: 'UCASE'
=> DESCRIBE FUNCTION UCASE;
DescribeConnector
  name: 'c'
=> DESCRIBE CONNECTOR `c`;
ListSources
  is_table: False
  describe: True
=> DESCRIBE STREAMS;
ListSources
  is_table: True
  extended: True
  describe: True
=> DESCRIBE TABLES EXTENDED;
DescribeSource
  name: 'FUNCTION'
=> DESCRIBE FUNCTION;

# explain
EXPLAIN csas_x_1; EXPLAIN SELECT * FROM s EMIT CHANGES; EXPLAIN CREATE STREAM a AS SELECT * FROM b; EXPLAIN SHOW TOPICS;
----
Explain
  query_id: 'CSAS_X_1'
=> EXPLAIN CSAS_X_1;
Explain
  statement: QueryStatement
    query: Query
      items:
      - SelectAll
      source: SourceRef
        name: 'S'
      emit: CHANGES
=> EXPLAIN SELECT *
FROM S
EMIT CHANGES;
Explain
  statement: CreateAsSelect
    name: 'A'
    is_table: False
    query: Query
      items:
      - SelectAll
      source: SourceRef
        name: 'B'
=> EXPLAIN CREATE STREAM A AS SELECT *
FROM B;
Explain
  statement: ListTopics
=> EXPLAIN SHOW TOPICS;

# print keeps the case of the topic
PRINT Pageviews; PRINT 'my-topic' FROM BEGINNING; PRINT t INTERVAL 5 LIMIT 10; PRINT `a.b` FROM BEGINNING SAMPLE 2; PRINT interval INTERVAL 3;
----
PrintTopic
  topic: 'Pageviews'
=> PRINT 'Pageviews';
PrintTopic
  topic: 'my-topic'
  from_beginning: True
=> PRINT 'my-topic' FROM BEGINNING;
PrintTopic
  topic: 't'
  interval: 5
  limit: 10
=> PRINT 't' INTERVAL 5 LIMIT 10;
PrintTopic
  topic: 'a.b'
  from_beginning: True
  interval: 2
=> PRINT 'a.b' FROM BEGINNING INTERVAL 2;
PrintTopic
  topic: 'interval'
  interval: 3
=> PRINT 'interval' INTERVAL 3;

# queries are ended, paused and resumed
TERMINATE csas_x_1; TERMINATE ALL; PAUSE q; PAUSE ALL; RESUME `q-1`; RESUME ALL;
----
TerminateQuery
  query_id: 'CSAS_X_1'
=> TERMINATE CSAS_X_1;
TerminateQuery
=> TERMINATE ALL;
PauseQuery
  query_id: 'Q'
=> PAUSE Q;
PauseQuery
=> PAUSE ALL;
ResumeQuery
  query_id: 'q-1'
=> RESUME `q-1`;
ResumeQuery
=> RESUME ALL;

# assert topic
ASSERT TOPIC t; ASSERT NOT EXISTS TOPIC 'a-b' TIMEOUT 5 SECONDS; ASSERT TOPIC Foo WITH (PARTITIONS=1, replicas=1) TIMEOUT 100 MILLISECONDS;
----
AssertTopic
  topic: 't'
=> ASSERT TOPIC 't';
AssertTopic
  topic: 'a-b'
  exists: False
  timeout: Duration
    amount: 5
    unit: SECOND
=> ASSERT NOT EXISTS TOPIC 'a-b' TIMEOUT 5 SECONDS;
AssertTopic
  topic: 'Foo'
  properties: (('PARTITIONS', 1), ('REPLICAS', 1))
  timeout: Duration
    amount: 100
    unit: MILLISECOND
=> ASSERT TOPIC 'Foo' WITH (PARTITIONS=1, REPLICAS=1) TIMEOUT 100 MILLISECONDS;

# assert schema
ASSERT SCHEMA SUBJECT 'a-value' ID 3 TIMEOUT 1 MINUTE; ASSERT NOT EXISTS SCHEMA SUBJECT Foo; ASSERT SCHEMA ID 1;
----
AssertSchema
  subject: 'a-value'
  schema_id: 3
  timeout: Duration
    amount: 1
    unit: MINUTE
=> ASSERT SCHEMA SUBJECT 'a-value' ID 3 TIMEOUT 1 MINUTES;
AssertSchema
  subject: 'Foo'
  exists: False
=> ASSERT NOT EXISTS SCHEMA SUBJECT 'Foo';
AssertSchema
  schema_id: 1
=> ASSERT SCHEMA ID 1;

# assertions of test files
ASSERT VALUES s (a, rowtime) VALUES (1, 2); ASSERT VALUES s VALUES ('x'); ASSERT NULL VALUES t (k) KEY (1); ASSERT STREAM s (a INT KEY) WITH (kafka_topic='s'); ASSERT TABLE t;
----
AssertValues
  source: 'S'
  columns: ('A', 'ROWTIME')
  values: (1, 2)
=> ASSERT VALUES S (A, ROWTIME) VALUES (1, 2);
AssertValues
  source: 'S'
  values: ('x')
=> ASSERT VALUES S VALUES ('x');
AssertNullValues
  source: 'T'
  columns: ('K')
  values: (1)
=> ASSERT NULL VALUES T (K) KEY (1);
AssertSource
  name: 'S'
  is_table: False
  columns:
  - ColumnDefinition
      name: 'A'
      type: INT
      constraint: KEY
  properties: (('KAFKA_TOPIC', 's'))
=> ASSERT STREAM S (A INT KEY) WITH (KAFKA_TOPIC='s');
AssertSource
  name: 'T'
  is_table: True
=> ASSERT TABLE T;

# run script
RUN SCRIPT '/tmp/a b.sql';
----
RunScript
  path: '/tmp/a b.sql'
=> RUN SCRIPT '/tmp/a b.sql';
