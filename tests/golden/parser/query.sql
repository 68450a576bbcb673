# select all, by source, of a struct
SELECT *, a.*, a.s->t->*, f(x)->*, x FROM a;
----
QueryStatement
  query: Query
    items:
    - SelectAll
    - SelectAll
        source: 'A'
    - SelectStruct
        expression: Dereference(this=A.S, field='T')
    - SelectStruct
        expression: Anonymous(this='F', expressions=[X])
    - SelectItem
        expression: X
    source: SourceRef
      name: 'A'
=> SELECT
  *,
  A.*,
  A.S->T->*,
  F(X)->*,
  X
FROM A;

# aliases
SELECT a AS b, a c, a AS `d e`, a emit, a partition FROM s AS t; SELECT a FROM s t; SELECT a FROM s AS emit EMIT CHANGES; SELECT a FROM s emit;
----
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: A
        alias: 'B'
    - SelectItem
        expression: A
        alias: 'C'
    - SelectItem
        expression: A
        alias: 'd e'
    - SelectItem
        expression: A
        alias: 'EMIT'
    - SelectItem
        expression: A
        alias: 'PARTITION'
    source: SourceRef
      name: 'S'
      alias: 'T'
=> SELECT
  A B,
  A C,
  A `d e`,
  A EMIT,
  A PARTITION
FROM S T;
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: A
    source: SourceRef
      name: 'S'
      alias: 'T'
=> SELECT A
FROM S T;
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: A
    source: SourceRef
      name: 'S'
      alias: 'EMIT'
    emit: CHANGES
=> SELECT A
FROM S EMIT
EMIT CHANGES;
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: A
    source: SourceRef
      name: 'S'
      alias: 'EMIT'
=> SELECT A
FROM S EMIT;

# all clauses in order
SELECT a, COUNT(*) FROM s WINDOW TUMBLING (SIZE 1 HOUR) WHERE b > 1 GROUP BY a PARTITION BY a HAVING COUNT(*) > 1 EMIT CHANGES LIMIT 10;
----
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: A
    - SelectItem
        expression: Anonymous(this='COUNT', expressions=[Star()])
    source: SourceRef
      name: 'S'
    window: WindowClause
      kind: TUMBLING
      size: Duration
        amount: 1
        unit: HOUR
    where: GT(this=B, expression=1)
    group_by: (A)
    partition_by: (A)
    having: GT(this=Anonymous(this='COUNT', expressions=[Star()]), expression=1)
    emit: CHANGES
    limit: 10
=> SELECT
  A,
  COUNT(*)
FROM S
WINDOW TUMBLING ( SIZE 1 HOURS ) 
WHERE (B > 1)
GROUP BY A
PARTITION BY A
HAVING (COUNT(*) > 1)
EMIT CHANGES
LIMIT 10;

# tumbling windows
SELECT a FROM s WINDOW TUMBLING (SIZE 30 SECONDS); SELECT a FROM s WINDOW w TUMBLING (SIZE 1 DAY, RETENTION 7 DAYS, GRACE PERIOD 500 MILLISECONDS);
----
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: A
    source: SourceRef
      name: 'S'
    window: WindowClause
      kind: TUMBLING
      size: Duration
        amount: 30
        unit: SECOND
=> SELECT A
FROM S
WINDOW TUMBLING ( SIZE 30 SECONDS ) ;
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: A
    source: SourceRef
      name: 'S'
    window: WindowClause
      kind: TUMBLING
      size: Duration
        amount: 1
        unit: DAY
      retention: Duration
        amount: 7
        unit: DAY
      grace: Duration
        amount: 500
        unit: MILLISECOND
      name: 'W'
=> SELECT A
FROM S
WINDOW W TUMBLING ( SIZE 1 DAYS , RETENTION 7 DAYS , GRACE PERIOD 500 MILLISECONDS ) ;

# hopping windows
SELECT a FROM s WINDOW HOPPING (SIZE 1 HOUR, ADVANCE BY 10 MINUTES); SELECT a FROM s WINDOW HOPPING (SIZE 2 HOURS, ADVANCE BY 1 MINUTE, RETENTION 1 DAYS, GRACE PERIOD 0 SECOND) GROUP BY a EMIT FINAL;
----
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: A
    source: SourceRef
      name: 'S'
    window: WindowClause
      kind: HOPPING
      size: Duration
        amount: 1
        unit: HOUR
      advance: Duration
        amount: 10
        unit: MINUTE
=> SELECT A
FROM S
WINDOW HOPPING ( SIZE 1 HOURS , ADVANCE BY 10 MINUTES ) ;
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: A
    source: SourceRef
      name: 'S'
    window: WindowClause
      kind: HOPPING
      size: Duration
        amount: 2
        unit: HOUR
      advance: Duration
        amount: 1
        unit: MINUTE
      retention: Duration
        amount: 1
        unit: DAY
      grace: Duration
        amount: 0
        unit: SECOND
    group_by: (A)
    emit: FINAL
=> SELECT A
FROM S
WINDOW HOPPING ( SIZE 2 HOURS , ADVANCE BY 1 MINUTES , RETENTION 1 DAYS , GRACE PERIOD 0 SECONDS ) 
GROUP BY A
EMIT FINAL;

# session windows
SELECT a FROM s WINDOW SESSION (5 MINUTES); SELECT a FROM s WINDOW SESSION (1 HOUR, RETENTION 2 DAYS, GRACE PERIOD 1 MILLISECOND);
----
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: A
    source: SourceRef
      name: 'S'
    window: WindowClause
      kind: SESSION
      size: Duration
        amount: 5
        unit: MINUTE
=> SELECT A
FROM S
WINDOW SESSION ( 5 MINUTES ) ;
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: A
    source: SourceRef
      name: 'S'
    window: WindowClause
      kind: SESSION
      size: Duration
        amount: 1
        unit: HOUR
      retention: Duration
        amount: 2
        unit: DAY
      grace: Duration
        amount: 1
        unit: MILLISECOND
=> SELECT A
FROM S
WINDOW SESSION ( 1 HOURS , RETENTION 2 DAYS , GRACE PERIOD 1 MILLISECONDS ) ;

# joins
SELECT * FROM a JOIN b ON a.x = b.x INNER JOIN c AS cc ON a.x = cc.x LEFT JOIN d ON a.x=d.x LEFT OUTER JOIN e ON a.x=e.x RIGHT JOIN f ON a.x=f.x RIGHT OUTER JOIN g ON a.x=g.x FULL JOIN h ON a.x=h.x FULL OUTER JOIN i ON a.x=i.x;
----
QueryStatement
  query: Query
    items:
    - SelectAll
    source: SourceRef
      name: 'A'
    joins:
    - Join
        kind: INNER
        source: SourceRef
          name: 'B'
        on: EQ(this=A.X, expression=B.X)
    - Join
        kind: INNER
        source: SourceRef
          name: 'C'
          alias: 'CC'
        on: EQ(this=A.X, expression=CC.X)
    - Join
        kind: LEFT
        source: SourceRef
          name: 'D'
        on: EQ(this=A.X, expression=D.X)
    - Join
        kind: LEFT
        source: SourceRef
          name: 'E'
        on: EQ(this=A.X, expression=E.X)
    - Join
        kind: RIGHT
        source: SourceRef
          name: 'F'
        on: EQ(this=A.X, expression=F.X)
    - Join
        kind: RIGHT
        source: SourceRef
          name: 'G'
        on: EQ(this=A.X, expression=G.X)
    - Join
        kind: FULL
        source: SourceRef
          name: 'H'
        on: EQ(this=A.X, expression=H.X)
    - Join
        kind: FULL
        source: SourceRef
          name: 'I'
        on: EQ(this=A.X, expression=I.X)
=> SELECT *
FROM A
INNER JOIN B ON ((A.X = B.X))
INNER JOIN C CC ON ((A.X = CC.X))
LEFT OUTER JOIN D ON ((A.X = D.X))
LEFT OUTER JOIN E ON ((A.X = E.X))
RIGHT OUTER JOIN F ON ((A.X = F.X))
RIGHT OUTER JOIN G ON ((A.X = G.X))
FULL OUTER JOIN H ON ((A.X = H.X))
FULL OUTER JOIN I ON ((A.X = I.X));

# within
SELECT * FROM a JOIN b WITHIN 1 HOUR ON a.x = b.x JOIN c WITHIN (0 SECONDS, 10 MINUTES) ON a.x = c.x JOIN d WITHIN 1 DAY GRACE PERIOD 2 HOURS ON a.x = d.x JOIN e WITHIN (1 DAYS, 2 DAYS) GRACE PERIOD 3 MINUTES ON a.x = e.x;
----
QueryStatement
  query: Query
    items:
    - SelectAll
    source: SourceRef
      name: 'A'
    joins:
    - Join
        kind: INNER
        source: SourceRef
          name: 'B'
        on: EQ(this=A.X, expression=B.X)
        within: Within
          before: Duration
            amount: 1
            unit: HOUR
          after: Duration
            amount: 1
            unit: HOUR
    - Join
        kind: INNER
        source: SourceRef
          name: 'C'
        on: EQ(this=A.X, expression=C.X)
        within: Within
          before: Duration
            amount: 0
            unit: SECOND
          after: Duration
            amount: 10
            unit: MINUTE
          symmetric: False
    - Join
        kind: INNER
        source: SourceRef
          name: 'D'
        on: EQ(this=A.X, expression=D.X)
        within: Within
          before: Duration
            amount: 1
            unit: DAY
          after: Duration
            amount: 1
            unit: DAY
          grace: Duration
            amount: 2
            unit: HOUR
    - Join
        kind: INNER
        source: SourceRef
          name: 'E'
        on: EQ(this=A.X, expression=E.X)
        within: Within
          before: Duration
            amount: 1
            unit: DAY
          after: Duration
            amount: 2
            unit: DAY
          grace: Duration
            amount: 3
            unit: MINUTE
          symmetric: False
=> SELECT *
FROM A
INNER JOIN B WITHIN 1 HOURS ON ((A.X = B.X))
INNER JOIN C WITHIN (0 SECONDS, 10 MINUTES) ON ((A.X = C.X))
INNER JOIN D WITHIN 1 DAYS GRACE PERIOD 2 HOURS ON ((A.X = D.X))
INNER JOIN E WITHIN (1 DAYS, 2 DAYS) GRACE PERIOD 3 MINUTES ON ((A.X = E.X));

# group by
SELECT a FROM s GROUP BY a, b; SELECT a FROM s GROUP BY (a, b); SELECT a FROM s GROUP BY (); SELECT a FROM s GROUP BY (a), b; SELECT a FROM s GROUP BY (a = 1); SELECT a FROM s GROUP BY a + 1, f(b)->c;
----
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: A
    source: SourceRef
      name: 'S'
    group_by: (A, B)
=> SELECT A
FROM S
GROUP BY A, B;
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: A
    source: SourceRef
      name: 'S'
    group_by: (A, B)
=> SELECT A
FROM S
GROUP BY A, B;
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: A
    source: SourceRef
      name: 'S'
    group_by: ()
=> SELECT A
FROM S
GROUP BY ();
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: A
    source: SourceRef
      name: 'S'
    group_by: (A, B)
=> SELECT A
FROM S
GROUP BY A, B;
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: A
    source: SourceRef
      name: 'S'
    group_by: (EQ(this=A, expression=1))
=> SELECT A
FROM S
GROUP BY (A = 1);
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: A
    source: SourceRef
      name: 'S'
    group_by: (Add(this=A, expression=1), Dereference(this=Anonymous(this='F', expressions=[B]), field='C'))
=> SELECT A
FROM S
GROUP BY (A + 1), F(B)->C;

# partition by
SELECT a FROM s PARTITION BY a; SELECT a FROM s PARTITION BY (a, b); SELECT a FROM s PARTITION BY NULL; SELECT a FROM s PARTITION BY ();
----
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: A
    source: SourceRef
      name: 'S'
    partition_by: (A)
=> SELECT A
FROM S
PARTITION BY A;
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: A
    source: SourceRef
      name: 'S'
    partition_by: (A, B)
=> SELECT A
FROM S
PARTITION BY A, B;
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: A
    source: SourceRef
      name: 'S'
    partition_by: (Null())
=> SELECT A
FROM S
PARTITION BY NULL;
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: A
    source: SourceRef
      name: 'S'
    partition_by: ()
=> SELECT A
FROM S
PARTITION BY ();

# emit and limit
SELECT a FROM s EMIT FINAL; SELECT a FROM s LIMIT 3; SELECT a FROM s LIMIT -1; SELECT a FROM s emit
  -- only what changes
  changes limit 0;
----
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: A
    source: SourceRef
      name: 'S'
    emit: FINAL
=> SELECT A
FROM S
EMIT FINAL;
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: A
    source: SourceRef
      name: 'S'
    limit: 3
=> SELECT A
FROM S
LIMIT 3;
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: A
    source: SourceRef
      name: 'S'
    limit: -1
=> SELECT A
FROM S
LIMIT -1;
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: A
    source: SourceRef
      name: 'S'
    emit: CHANGES
    limit: 0
=> SELECT A
FROM S
EMIT CHANGES
LIMIT 0;

# comments
/* one */ SELECT a -- two; not an end
, /* three
; */ b FROM s /**/ ; -- four
----
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: A
    - SelectItem
        expression: B
    source: SourceRef
      name: 'S'
=> SELECT
  A,
  B
FROM S;

# pull query
SELECT * FROM t WHERE k = 'a' AND WINDOWSTART >= 5 AND WINDOWEND <= '2020-01-01';
----
QueryStatement
  query: Query
    items:
    - SelectAll
    source: SourceRef
      name: 'T'
    where: And(this=And(this=EQ(this=K, expression='a'), expression=GTE(this=WINDOWSTART, expression=5)), expression=LTE(this=WINDOWEND, expression='2020-01-01'))
=> SELECT *
FROM T
WHERE (((K = 'a') AND (WINDOWSTART >= 5)) AND (WINDOWEND <= '2020-01-01'));
