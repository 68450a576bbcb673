# literals
SELECT 1, -1, 12345678901, 1.5, .5, 1., 1e3, 1.5E-2, 'it''s', '', TRUE, false, NULL, DECIMAL '1.20', DECIMAL '-1', decimal '1E3' FROM s;
----
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: 1
    - SelectItem
        expression: Neg(this=1)
    - SelectItem
        expression: 12345678901
    - SelectItem
        expression: 1.5
    - SelectItem
        expression: .5
    - SelectItem
        expression: 1.
    - SelectItem
        expression: 1e3
    - SelectItem
        expression: 1.5E-2
    - SelectItem
        expression: "it's"
    - SelectItem
        expression: ''
    - SelectItem
        expression: Boolean(this=True)
    - SelectItem
        expression: Boolean(this=False)
    - SelectItem
        expression: Null()
    - SelectItem
        expression: 1.20
    - SelectItem
        expression: Neg(this=1.)
    - SelectItem
        expression: 1000.
    source: SourceRef
      name: 'S'
=> SELECT
  1,
  -1,
  12345678901,
  1.5,
  .5,
  1.,
  1e3,
  1.5E-2,
  'it''s',
  '',
  TRUE,
  FALSE,
  NULL,
  1.20,
  -1.,
  1000.
FROM S;

# arithmetic, left to right
SELECT a + b - c, a - (b - c), a * b / c % d, a + b * c, (a + b) * c, -a * b, -(a * b), - -a, +a FROM s;
----
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: Sub(this=Add(this=A, expression=B), expression=C)
    - SelectItem
        expression: Sub(this=A, expression=Sub(this=B, expression=C))
    - SelectItem
        expression: Mod(this=Div(this=Mul(this=A, expression=B), expression=C), expression=D)
    - SelectItem
        expression: Add(this=A, expression=Mul(this=B, expression=C))
    - SelectItem
        expression: Mul(this=Add(this=A, expression=B), expression=C)
    - SelectItem
        expression: Mul(this=Neg(this=A), expression=B)
    - SelectItem
        expression: Neg(this=Mul(this=A, expression=B))
    - SelectItem
        expression: Neg(this=Neg(this=A))
    - SelectItem
        expression: A
    source: SourceRef
      name: 'S'
=> SELECT
  ((A + B) - C),
  (A - (B - C)),
  (((A * B) / C) % D),
  (A + (B * C)),
  ((A + B) * C),
  (-A * B),
  -(A * B),
  - -A,
  A
FROM S;

# concatenation is looser than addition
SELECT a || b + c || d FROM s;
----
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: DPipe(this=DPipe(this=A, expression=Add(this=B, expression=C)), expression=D)
    source: SourceRef
      name: 'S'
=> SELECT ((A || (B + C)) || D)
FROM S;

# comparisons
SELECT a = b, a <> b, a != b, a < b, a <= b, a > b, a >= b, a + 1 = b * 2 FROM s;
----
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: EQ(this=A, expression=B)
    - SelectItem
        expression: NEQ(this=A, expression=B)
    - SelectItem
        expression: NEQ(this=A, expression=B)
    - SelectItem
        expression: LT(this=A, expression=B)
    - SelectItem
        expression: LTE(this=A, expression=B)
    - SelectItem
        expression: GT(this=A, expression=B)
    - SelectItem
        expression: GTE(this=A, expression=B)
    - SelectItem
        expression: EQ(this=Add(this=A, expression=1), expression=Mul(this=B, expression=2))
    source: SourceRef
      name: 'S'
=> SELECT
  (A = B),
  (A <> B),
  (A <> B),
  (A < B),
  (A <= B),
  (A > B),
  (A >= B),
  ((A + 1) = (B * 2))
FROM S;

# distinct from
SELECT a IS DISTINCT FROM b, a IS NOT DISTINCT FROM b FROM s;
----
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: NullSafeNEQ(this=A, expression=B)
    - SelectItem
        expression: NullSafeEQ(this=A, expression=B)
    source: SourceRef
      name: 'S'
=> SELECT
  (A IS DISTINCT FROM B),
  (A IS NOT DISTINCT FROM B)
FROM S;

# predicates
SELECT a BETWEEN 1 AND 2, a NOT BETWEEN b + 1 AND c, a IN (1, 2), a NOT IN ('x'), a LIKE 'a%', a NOT LIKE b ESCAPE '!', a IS NULL, a IS NOT NULL FROM s;
----
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: Between(this=A, low=1, high=2)
    - SelectItem
        expression: Not(this=Between(this=A, low=Add(this=B, expression=1), high=C))
    - SelectItem
        expression: In(this=A, expressions=[1, 2])
    - SelectItem
        expression: Not(this=In(this=A, expressions=['x']))
    - SelectItem
        expression: Like(this=A, expression='a%')
    - SelectItem
        expression: Not(this=Escape(this=Like(this=A, expression=B), expression='!'))
    - SelectItem
        expression: Is(this=A, expression=Null())
    - SelectItem
        expression: Not(this=Is(this=A, expression=Null()))
    source: SourceRef
      name: 'S'
=> SELECT
  (A BETWEEN 1 AND 2),
  (A NOT BETWEEN (B + 1) AND C),
  (A IN (1, 2)),
  (A NOT IN ('x')),
  (A LIKE 'a%'),
  (A NOT LIKE B ESCAPE '!'),
  (A IS NULL),
  (A IS NOT NULL)
FROM S;

# logic
SELECT a AND b OR c AND NOT d, NOT a = b AND c, (a OR b) AND c, NOT (a AND b), NOT NOT a, a BETWEEN 1 AND 2 AND b FROM s;
----
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: Or(this=And(this=A, expression=B), expression=And(this=C, expression=Not(this=D)))
    - SelectItem
        expression: And(this=Not(this=EQ(this=A, expression=B)), expression=C)
    - SelectItem
        expression: And(this=Or(this=A, expression=B), expression=C)
    - SelectItem
        expression: Not(this=And(this=A, expression=B))
    - SelectItem
        expression: Not(this=Not(this=A))
    - SelectItem
        expression: And(this=Between(this=A, low=1, high=2), expression=B)
    source: SourceRef
      name: 'S'
=> SELECT
  ((A AND B) OR (C AND (NOT D))),
  ((NOT (A = B)) AND C),
  ((A OR B) AND C),
  (NOT (A AND B)),
  (NOT (NOT A)),
  ((A BETWEEN 1 AND 2) AND B)
FROM S;

# case
SELECT CASE WHEN a > 1 THEN 'x' WHEN b THEN 'y' ELSE 'z' END, CASE a WHEN 1 THEN 2 END FROM s;
----
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: Case(ifs=[If(this=GT(this=A, expression=1), true='x'), If(this=B, true='y')], default='z')
    - SelectItem
        expression: Case(this=A, ifs=[If(this=1, true=2)])
    source: SourceRef
      name: 'S'
=> SELECT
  (CASE WHEN (A > 1) THEN 'x' WHEN B THEN 'y' ELSE 'z' END),
  (CASE A WHEN 1 THEN 2 END)
FROM S;

# cast
SELECT CAST(a AS STRING), CAST(a AS DECIMAL(4, 2)), CAST(f(x) AS ARRAY<STRUCT<a INT>>) FROM s;
----
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: CastTo(this=A, to=STRING)
    - SelectItem
        expression: CastTo(this=A, to=DECIMAL(4, 2))
    - SelectItem
        expression: CastTo(this=Anonymous(this='F', expressions=[X]), to=ARRAY<STRUCT<A INT>>)
    source: SourceRef
      name: 'S'
=> SELECT
  CAST(A AS STRING),
  CAST(A AS DECIMAL(4, 2)),
  CAST(F(X) AS ARRAY<STRUCT<A INT>>)
FROM S;

# calls
SELECT ucase(a), COUNT(*), now(), IF(a, b, c), `Replace`(a), f(g(h(1))) FROM s;
----
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: Anonymous(this='UCASE', expressions=[A])
    - SelectItem
        expression: Anonymous(this='COUNT', expressions=[Star()])
    - SelectItem
        expression: Anonymous(this='NOW')
    - SelectItem
        expression: Anonymous(this='IF', expressions=[A, B, C])
    - SelectItem
        expression: Anonymous(this='REPLACE', expressions=[A])
    - SelectItem
        expression: Anonymous(this='F', expressions=[Anonymous(this='G', expressions=[Anonymous(this='H', expressions=[1])])])
    source: SourceRef
      name: 'S'
=> SELECT
  UCASE(A),
  COUNT(*),
  NOW(),
  IF(A, B, C),
  REPLACE(A),
  F(G(H(1)))
FROM S;

# units of time as arguments
SELECT TIMESTAMPADD(DAYS, 1, t), TIMESTAMPADD(HOUR, 1, t), DATEADD(milliseconds, 1, d) FROM s;
----
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: Anonymous(this='TIMESTAMPADD', expressions=[IntervalUnit(this='DAYS'), 1, T])
    - SelectItem
        expression: Anonymous(this='TIMESTAMPADD', expressions=[HOUR, 1, T])
    - SelectItem
        expression: Anonymous(this='DATEADD', expressions=[IntervalUnit(this='MILLISECONDS'), 1, D])
    source: SourceRef
      name: 'S'
=> SELECT
  TIMESTAMPADD(DAYS, 1, T),
  TIMESTAMPADD(HOUR, 1, T),
  DATEADD(MILLISECONDS, 1, D)
FROM S;

# access
SELECT a[1], a[-1], m['k'], a.b[c + 1]->d, s->f->g, s->`f g`, f(x)[1], (a + b)[1] FROM s;
----
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: Bracket(this=A, expressions=[1])
    - SelectItem
        expression: Bracket(this=A, expressions=[Neg(this=1)])
    - SelectItem
        expression: Bracket(this=M, expressions=['k'])
    - SelectItem
        expression: Dereference(this=Bracket(this=A.B, expressions=[Add(this=C, expression=1)]), field='D')
    - SelectItem
        expression: Dereference(this=Dereference(this=S, field='F'), field='G')
    - SelectItem
        expression: Dereference(this=S, field='f g')
    - SelectItem
        expression: Bracket(this=Anonymous(this='F', expressions=[X]), expressions=[1])
    - SelectItem
        expression: Bracket(this=Add(this=A, expression=B), expressions=[1])
    source: SourceRef
      name: 'S'
=> SELECT
  A[1],
  A[-1],
  M['k'],
  A.B[(C + 1)]->D,
  S->F->G,
  S->`f g`,
  F(X)[1],
  (A + B)[1]
FROM S;

# constructors
SELECT ARRAY[], ARRAY[1, 2], MAP('a' := 1, 'b' := x), MAP(), STRUCT(f := 1, `g` := ARRAY[MAP('a' := 2)]), STRUCT() FROM s;
----
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: Array()
    - SelectItem
        expression: Array(expressions=[1, 2])
    - SelectItem
        expression: MapConstructor(keys=['a', 'b'], values=[1, X])
    - SelectItem
        expression: MapConstructor()
    - SelectItem
        expression: StructConstructor(names=['F', 'g'], expressions=[1, Array(expressions=[MapConstructor(keys=['a'], values=[2])])])
    - SelectItem
        expression: StructConstructor()
    source: SourceRef
      name: 'S'
=> SELECT
  ARRAY[],
  ARRAY[1, 2],
  MAP('a':=1, 'b':=X),
  MAP(),
  STRUCT(F:=1, `g`:=ARRAY[MAP('a':=2)]),
  STRUCT()
FROM S;

# constructor words as names
SELECT array, map, struct, array < 1, map->x, struct.y FROM s;
----
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: ARRAY
    - SelectItem
        expression: MAP
    - SelectItem
        expression: STRUCT
    - SelectItem
        expression: LT(this=ARRAY, expression=1)
    - SelectItem
        expression: Dereference(this=MAP, field='X')
    - SelectItem
        expression: STRUCT.Y
    source: SourceRef
      name: 'S'
=> SELECT
  `ARRAY`,
  `MAP`,
  `STRUCT`,
  (`ARRAY` < 1),
  `MAP`->X,
  `STRUCT`.Y
FROM S;

# lambdas
SELECT TRANSFORM(a, x => x + 1), TRANSFORM(m, (k, v) => ucase(k), (k, v) => v), REDUCE(a, 0, (s, x) => s + x), FILTER(a, (x) => x > 1 AND y) FROM s;
----
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: Anonymous(this='TRANSFORM', expressions=[A, Lambda(this=Add(this=X, expression=1), expressions=[X])])
    - SelectItem
        expression: Anonymous(this='TRANSFORM', expressions=[M, Lambda(this=Anonymous(this='UCASE', expressions=[K]), expressions=[K, V]), Lambda(this=V, expressions=[K, V])])
    - SelectItem
        expression: Anonymous(this='REDUCE', expressions=[A, 0, Lambda(this=Add(this=S, expression=X), expressions=[S, X])])
    - SelectItem
        expression: Anonymous(this='FILTER', expressions=[A, Lambda(this=And(this=GT(this=X, expression=1), expression=Y), expressions=[X])])
    source: SourceRef
      name: 'S'
=> SELECT
  TRANSFORM(A, X => (X + 1)),
  TRANSFORM(M, (K, V) => UCASE(K), (K, V) => V),
  REDUCE(A, 0, (S, X) => (S + X)),
  FILTER(A, X => ((X > 1) AND Y))
FROM S;

# a name in parentheses is no lambda
SELECT f((a)), f((a), (b)), f((a), b => (b)) FROM s;
----
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: Anonymous(this='F', expressions=[A])
    - SelectItem
        expression: Anonymous(this='F', expressions=[A, B])
    - SelectItem
        expression: Anonymous(this='F', expressions=[A, Lambda(this=B, expressions=[B])])
    source: SourceRef
      name: 'S'
=> SELECT
  F(A),
  F(A, B),
  F(A, B => B)
FROM S;

# time zone
SELECT a AT TIME ZONE 'Europe/Oslo', -a AT TIME ZONE 'UTC' FROM s;
----
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: AtTimeZone(this=A, zone='Europe/Oslo')
    - SelectItem
        expression: Neg(this=AtTimeZone(this=A, zone='UTC'))
    source: SourceRef
      name: 'S'
=> SELECT
  A AT TIME ZONE 'Europe/Oslo',
  -A AT TIME ZONE 'UTC'
FROM S;

# qualified names
SELECT s.a, `s`.`a b`, "s"."A" FROM s;
----
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: S.A
    - SelectItem
        expression: s.a b
    - SelectItem
        expression: s.A
    source: SourceRef
      name: 'S'
=> SELECT
  S.A,
  `s`.`a b`,
  `s`.A
FROM S;

# words split over lines and comments
SELECT ARRAY /* x */ [1], MAP
('a' := 1), a IS -- y
 NOT
NULL FROM s;
----
QueryStatement
  query: Query
    items:
    - SelectItem
        expression: Array(expressions=[1])
    - SelectItem
        expression: MapConstructor(keys=['a'], values=[1])
    - SelectItem
        expression: Not(this=Is(this=A, expression=Null()))
    source: SourceRef
      name: 'S'
=> SELECT
  ARRAY[1],
  MAP('a':=1),
  (A IS NOT NULL)
FROM S;
