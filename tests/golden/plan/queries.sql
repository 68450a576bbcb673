# a filter and a projection
CREATE STREAM OUT AS SELECT K, V + 1 AS V FROM S WHERE V > 2;
----
[ SINK stream OUT (topic OUT) ] Schema: `K` STRING KEY, `V` BIGINT
   > [ PROJECT `K` AS K, (`V` + 1) AS V ] Schema: `K` STRING KEY, `V` BIGINT
      > [ FILTER (`V` > 2) ] Schema: `K` STRING KEY, `G` STRING, `V` BIGINT, `TAGS` ARRAY<STRING>
         > [ SOURCE stream S (topic s) ] Schema: `K` STRING KEY, `G` STRING, `V` BIGINT, `TAGS` ARRAY<STRING>

# another key
CREATE STREAM OUT AS SELECT G, K, V FROM S PARTITION BY G;
----
[ SINK stream OUT (topic OUT) ] Schema: `G` STRING KEY, `K` STRING, `V` BIGINT
   > [ PROJECT `G` AS G, `K` AS K, `V` AS V ] Schema: `G` STRING KEY, `K` STRING, `V` BIGINT
      > [ PARTITION BY `G` AS G ] Schema: `G` STRING KEY, `K` STRING, `V` BIGINT, `TAGS` ARRAY<STRING>
         > [ SOURCE stream S (topic s) ] Schema: `K` STRING KEY, `G` STRING, `V` BIGINT, `TAGS` ARRAY<STRING>

# a table function
CREATE STREAM OUT AS SELECT K, EXPLODE(TAGS) AS TAG FROM S;
----
[ SINK stream OUT (topic OUT) ] Schema: `K` STRING KEY, `TAG` STRING
   > [ PROJECT `K` AS K, `KSQL_SYNTH_0` AS TAG ] Schema: `K` STRING KEY, `TAG` STRING
      > [ FLATMAP EXPLODE(`TAGS`) AS KSQL_SYNTH_0 ] Schema: `K` STRING KEY, `G` STRING, `V` BIGINT, `TAGS` ARRAY<STRING>, `KSQL_SYNTH_0` STRING
         > [ SOURCE stream S (topic s) ] Schema: `K` STRING KEY, `G` STRING, `V` BIGINT, `TAGS` ARRAY<STRING>

# totals by the key that is there
CREATE TABLE OUT AS SELECT K, COUNT(*) AS N, SUM(V) AS TOTAL FROM S GROUP BY K;
----
[ SINK table OUT (topic OUT) ] Schema: `K` STRING KEY, `N` BIGINT, `TOTAL` BIGINT
   > [ PROJECT `K` AS K, `KSQL_AGG_VARIABLE_0` AS N, `KSQL_AGG_VARIABLE_1` AS TOTAL ] Schema: `K` STRING KEY, `N` BIGINT, `TOTAL` BIGINT
      > [ AGGREGATE BY `K` AS K: COUNT(`ROWTIME`) AS KSQL_AGG_VARIABLE_0, SUM(`V`) AS KSQL_AGG_VARIABLE_1 ] Schema: `K` STRING KEY, `KSQL_AGG_VARIABLE_0` BIGINT, `KSQL_AGG_VARIABLE_1` BIGINT
         > [ SOURCE stream S (topic s) ] Schema: `K` STRING KEY, `G` STRING, `V` BIGINT, `TAGS` ARRAY<STRING>

# totals by another key, some of them
CREATE TABLE OUT AS SELECT G, SUM(V) AS TOTAL FROM S GROUP BY G HAVING SUM(V) > 6;
----
[ SINK table OUT (topic OUT) ] Schema: `G` STRING KEY, `TOTAL` BIGINT
   > [ PROJECT `G` AS G, `KSQL_AGG_VARIABLE_0` AS TOTAL ] Schema: `G` STRING KEY, `TOTAL` BIGINT
      > [ FILTER (`KSQL_AGG_VARIABLE_0` > 6) ] Schema: `G` STRING KEY, `KSQL_AGG_VARIABLE_0` BIGINT
         > [ AGGREGATE BY `G` AS G: SUM(`V`) AS KSQL_AGG_VARIABLE_0 ] Schema: `G` STRING KEY, `KSQL_AGG_VARIABLE_0` BIGINT
            > [ SOURCE stream S (topic s) ] Schema: `K` STRING KEY, `G` STRING, `V` BIGINT, `TAGS` ARRAY<STRING>

# tumbling windows
CREATE TABLE OUT AS SELECT G, COUNT(*) AS N FROM S
  WINDOW TUMBLING (SIZE 10 SECONDS, GRACE PERIOD 5 SECONDS) GROUP BY G;
----
[ SINK table OUT (topic OUT) ] Schema: `G` STRING KEY, `N` BIGINT
   > [ PROJECT `G` AS G, `KSQL_AGG_VARIABLE_0` AS N ] Schema: `G` STRING KEY, `N` BIGINT
      > [ AGGREGATE BY `G` AS G WINDOW TUMBLING size 10000 ms grace 5000 ms: COUNT(`ROWTIME`) AS KSQL_AGG_VARIABLE_0 ] Schema: `G` STRING KEY, `KSQL_AGG_VARIABLE_0` BIGINT
         > [ SOURCE stream S (topic s) ] Schema: `K` STRING KEY, `G` STRING, `V` BIGINT, `TAGS` ARRAY<STRING>

# hopping windows, once they close
CREATE TABLE OUT AS SELECT K, MAX(V) AS TOP FROM S
  WINDOW HOPPING (SIZE 10 SECONDS, ADVANCE BY 5 SECONDS, GRACE PERIOD 0 SECONDS)
  GROUP BY K EMIT FINAL;
----
[ SINK table OUT (topic OUT) ] Schema: `K` STRING KEY, `TOP` BIGINT
   > [ PROJECT `K` AS K, `KSQL_AGG_VARIABLE_0` AS TOP ] Schema: `K` STRING KEY, `TOP` BIGINT
      > [ AGGREGATE BY `K` AS K WINDOW HOPPING size 10000 ms advance 5000 ms grace 0 ms FINAL: MAX(`V`) AS KSQL_AGG_VARIABLE_0 ] Schema: `K` STRING KEY, `KSQL_AGG_VARIABLE_0` BIGINT
         > [ SOURCE stream S (topic s) ] Schema: `K` STRING KEY, `G` STRING, `V` BIGINT, `TAGS` ARRAY<STRING>

# sessions
CREATE TABLE OUT AS SELECT K, COUNT(*) AS N FROM S WINDOW SESSION (30 SECONDS) GROUP BY K;
----
[ SINK table OUT (topic OUT) ] Schema: `K` STRING KEY, `N` BIGINT
   > [ PROJECT `K` AS K, `KSQL_AGG_VARIABLE_0` AS N ] Schema: `K` STRING KEY, `N` BIGINT
      > [ AGGREGATE BY `K` AS K WINDOW SESSION size 30000 ms grace 86370000 ms: COUNT(`ROWTIME`) AS KSQL_AGG_VARIABLE_0 ] Schema: `K` STRING KEY, `KSQL_AGG_VARIABLE_0` BIGINT
         > [ SOURCE stream S (topic s) ] Schema: `K` STRING KEY, `G` STRING, `V` BIGINT, `TAGS` ARRAY<STRING>

# a stream meets a table
CREATE STREAM OUT AS SELECT S.K, V, NAME FROM S LEFT JOIN T ON S.K = T.K;
----
[ SINK stream OUT (topic OUT) ] Schema: `S_K` STRING KEY, `V` BIGINT, `NAME` STRING
   > [ PROJECT `S_K` AS S_K, `S_V` AS V, `T_NAME` AS NAME ] Schema: `S_K` STRING KEY, `V` BIGINT, `NAME` STRING
      > [ LEFT stream-table JOIN ON `S_K` = `T_K` ] Schema: `S_K` STRING KEY, `S_G` STRING, `S_V` BIGINT, `S_TAGS` ARRAY<STRING>, `T_K` STRING, `T_NAME` STRING
         > [ SOURCE stream S (topic s) ] Schema: `S_K` STRING KEY, `S_G` STRING, `S_V` BIGINT, `S_TAGS` ARRAY<STRING>
         > [ SOURCE table T (topic t) ] Schema: `T_K` STRING KEY, `T_NAME` STRING

# two streams meet in time
CREATE STREAM OUT AS SELECT S.K, V, W FROM S JOIN R
  WITHIN 5 SECONDS GRACE PERIOD 1 SECOND ON S.K = R.K;
----
[ SINK stream OUT (topic OUT) ] Schema: `S_K` STRING KEY, `V` BIGINT, `W` BIGINT
   > [ PROJECT `S_K` AS S_K, `S_V` AS V, `R_W` AS W ] Schema: `S_K` STRING KEY, `V` BIGINT, `W` BIGINT
      > [ INNER stream-stream JOIN WITHIN (5000, 5000) ms ON `S_K` = `R_K` ] Schema: `S_K` STRING KEY, `S_G` STRING, `S_V` BIGINT, `S_TAGS` ARRAY<STRING>, `R_K` STRING, `R_W` BIGINT
         > [ SOURCE stream S (topic s) ] Schema: `S_K` STRING KEY, `S_G` STRING, `S_V` BIGINT, `S_TAGS` ARRAY<STRING>
         > [ SOURCE stream R (topic r) ] Schema: `R_K` STRING KEY, `R_W` BIGINT

# two tables by key
CREATE TABLE OUT AS SELECT ROWKEY, NAME, M FROM T FULL OUTER JOIN U ON T.K = U.K;
----
[ SINK table OUT (topic OUT) ] Schema: `ROWKEY` STRING KEY, `NAME` STRING, `M` BIGINT
   > [ PROJECT `ROWKEY` AS ROWKEY, `T_NAME` AS NAME, `U_M` AS M ] Schema: `ROWKEY` STRING KEY, `NAME` STRING, `M` BIGINT
      > [ FULL table-table JOIN ON `T_K` = `U_K` ] Schema: `ROWKEY` STRING KEY, `T_K` STRING, `T_NAME` STRING, `U_K` STRING, `U_FK` STRING, `U_M` BIGINT
         > [ SOURCE table T (topic t) ] Schema: `T_K` STRING KEY, `T_NAME` STRING
         > [ SOURCE table U (topic u) ] Schema: `U_K` STRING KEY, `U_FK` STRING, `U_M` BIGINT

# two tables by a foreign key
CREATE TABLE OUT AS SELECT U.K, M, NAME FROM U JOIN T ON U.FK = T.K;
----
[ SINK table OUT (topic OUT) ] Schema: `U_K` STRING KEY, `M` BIGINT, `NAME` STRING
   > [ PROJECT `U_K` AS U_K, `U_M` AS M, `T_NAME` AS NAME ] Schema: `U_K` STRING KEY, `M` BIGINT, `NAME` STRING
      > [ INNER foreign-key table-table JOIN ON `U_FK` = `T_K` ] Schema: `U_K` STRING KEY, `U_FK` STRING, `U_M` BIGINT, `T_K` STRING, `T_NAME` STRING
         > [ SOURCE table U (topic u) ] Schema: `U_K` STRING KEY, `U_FK` STRING, `U_M` BIGINT
         > [ SOURCE table T (topic t) ] Schema: `T_K` STRING KEY, `T_NAME` STRING

# totals over a table
CREATE TABLE OUT AS SELECT NAME, COUNT(*) AS N FROM T GROUP BY NAME;
----
[ SINK table OUT (topic OUT) ] Schema: `NAME` STRING KEY, `N` BIGINT
   > [ PROJECT `NAME` AS NAME, `KSQL_AGG_VARIABLE_0` AS N ] Schema: `NAME` STRING KEY, `N` BIGINT
      > [ AGGREGATE BY `NAME` AS NAME: COUNT(`ROWTIME`) AS KSQL_AGG_VARIABLE_0 ] Schema: `NAME` STRING KEY, `KSQL_AGG_VARIABLE_0` BIGINT
         > [ SOURCE table T (topic t) ] Schema: `K` STRING KEY, `NAME` STRING

# streams put together
CREATE STREAM OUT AS SELECT K, V FROM S UNION ALL SELECT K, W FROM R WHERE W > 1;
----
[ SINK stream OUT (topic OUT) ] Schema: `K` STRING KEY, `V` BIGINT
   > [ PROJECT `K` AS K, `V` AS V ] Schema: `K` STRING KEY, `V` BIGINT
      > [ UNION ALL ] Schema: `K` STRING KEY, `V` BIGINT
         > [ PROJECT `K` AS K, `V` AS V ] Schema: `K` STRING KEY, `V` BIGINT
            > [ SOURCE stream S (topic s) ] Schema: `K` STRING KEY, `G` STRING, `V` BIGINT, `TAGS` ARRAY<STRING>
         > [ PROJECT `K` AS K, `W` AS V ] Schema: `K` STRING KEY, `V` BIGINT
            > [ FILTER (`W` > 1) ] Schema: `K` STRING KEY, `W` BIGINT
               > [ SOURCE stream R (topic r) ] Schema: `K` STRING KEY, `W` BIGINT

# a name for a query
CREATE TABLE OUT AS WITH A AS (SELECT K, V FROM S WHERE V > 1)
  SELECT K, COUNT(*) AS N FROM A GROUP BY K;
----
[ SINK table OUT (topic OUT) ] Schema: `K` STRING KEY, `N` BIGINT
   > [ PROJECT `K` AS K, `KSQL_AGG_VARIABLE_0` AS N ] Schema: `K` STRING KEY, `N` BIGINT
      > [ AGGREGATE BY `K` AS K: COUNT(`ROWTIME`) AS KSQL_AGG_VARIABLE_0 ] Schema: `K` STRING KEY, `KSQL_AGG_VARIABLE_0` BIGINT
         > [ SUBQUERY A ] Schema: `K` STRING KEY, `V` BIGINT
            > [ PROJECT `K` AS K, `V` AS V ] Schema: `K` STRING KEY, `V` BIGINT
               > [ FILTER (`V` > 1) ] Schema: `K` STRING KEY, `G` STRING, `V` BIGINT, `TAGS` ARRAY<STRING>
                  > [ SOURCE stream S (topic s) ] Schema: `K` STRING KEY, `G` STRING, `V` BIGINT, `TAGS` ARRAY<STRING>

# a join of sub-queries
CREATE STREAM OUT AS SELECT A.K, NAME FROM (SELECT K FROM S PARTITION BY K) A JOIN T ON A.K = T.K;
----
[ SINK stream OUT (topic OUT) ] Schema: `A_K` STRING KEY, `NAME` STRING
   > [ PROJECT `A_K` AS A_K, `T_NAME` AS NAME ] Schema: `A_K` STRING KEY, `NAME` STRING
      > [ INNER stream-table JOIN ON `A_K` = `T_K` ] Schema: `A_K` STRING KEY, `T_K` STRING, `T_NAME` STRING
         > [ SUBQUERY A ] Schema: `A_K` STRING KEY
            > [ PROJECT `K` AS K ] Schema: `K` STRING KEY
               > [ PARTITION BY `K` AS K ] Schema: `K` STRING KEY, `G` STRING, `V` BIGINT, `TAGS` ARRAY<STRING>
                  > [ SOURCE stream S (topic s) ] Schema: `K` STRING KEY, `G` STRING, `V` BIGINT, `TAGS` ARRAY<STRING>
         > [ SOURCE table T (topic t) ] Schema: `T_K` STRING KEY, `T_NAME` STRING

# rows that differ from the one before
CREATE STREAM OUT AS SELECT K, V, ROW_NUMBER() OVER (PARTITION BY G) AS NO FROM S
  QUALIFY LAG(V) OVER (PARTITION BY K) IS DISTINCT FROM V;
----
[ SINK stream OUT (topic OUT) ] Schema: `K` STRING KEY, `V` BIGINT, `NO` BIGINT
   > [ PROJECT `K` AS K, `V` AS V, `KSQL_OVER_0` AS NO ] Schema: `K` STRING KEY, `V` BIGINT, `NO` BIGINT
      > [ FILTER (`KSQL_OVER_1` IS DISTINCT FROM `V`) ] Schema: `K` STRING KEY, `G` STRING, `V` BIGINT, `TAGS` ARRAY<STRING>, `KSQL_OVER_0` BIGINT, `KSQL_OVER_1` BIGINT
         > [ RUNNING LAG(`V`, 1) OVER (PARTITION BY `K`) AS KSQL_OVER_1 ] Schema: `K` STRING KEY, `G` STRING, `V` BIGINT, `TAGS` ARRAY<STRING>, `KSQL_OVER_0` BIGINT, `KSQL_OVER_1` BIGINT
            > [ RUNNING ROW_NUMBER() OVER (PARTITION BY `G`) AS KSQL_OVER_0 ] Schema: `K` STRING KEY, `G` STRING, `V` BIGINT, `TAGS` ARRAY<STRING>, `KSQL_OVER_0` BIGINT
               > [ SOURCE stream S (topic s) ] Schema: `K` STRING KEY, `G` STRING, `V` BIGINT, `TAGS` ARRAY<STRING>

# the first three of each group
CREATE TABLE OUT WITH (KEY_FORMAT='JSON') AS SELECT G, K, V,
  ROW_NUMBER() OVER (PARTITION BY G ORDER BY V DESC) AS PLACE FROM S QUALIFY PLACE <= 3;
----
[ SINK table OUT (topic OUT) ] Schema: `G` STRING KEY, `PLACE` BIGINT KEY, `K` STRING, `V` BIGINT
   > [ PROJECT `G` AS G, `KSQL_KEY_ROW_NUMBER` AS PLACE, `K` AS K, `V` AS V ] Schema: `G` STRING KEY, `PLACE` BIGINT KEY, `K` STRING, `V` BIGINT
      > [ TOP 3 BY `G` AS G ORDER BY `V` DESC ] Schema: `G` STRING KEY, `KSQL_KEY_ROW_NUMBER` BIGINT KEY, `K` STRING, `V` BIGINT, `TAGS` ARRAY<STRING>
         > [ SOURCE stream S (topic s) ] Schema: `K` STRING KEY, `G` STRING, `V` BIGINT, `TAGS` ARRAY<STRING>

# the last of each key
CREATE TABLE OUT AS SELECT K, V FROM S
  QUALIFY 1 = ROW_NUMBER() OVER (PARTITION BY K ORDER BY ROWTIME DESC);
----
[ SINK table OUT (topic OUT) ] Schema: `K` STRING KEY, `V` BIGINT
   > [ PROJECT `K` AS K, `V` AS V ] Schema: `K` STRING KEY, `V` BIGINT
      > [ TOP 1 BY `K` AS K ORDER BY `ROWTIME` DESC ] Schema: `K` STRING KEY, `G` STRING, `V` BIGINT, `TAGS` ARRAY<STRING>, `KSQL_KEY_ROW_NUMBER` BIGINT
         > [ SOURCE stream S (topic s) ] Schema: `K` STRING KEY, `G` STRING, `V` BIGINT, `TAGS` ARRAY<STRING>
