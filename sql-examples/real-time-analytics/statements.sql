-- Views of pages, as the web site reports them.
CREATE STREAM pageviews (userid STRING KEY, page STRING, read_ms INT)
  WITH (KAFKA_TOPIC='pageviews', VALUE_FORMAT='JSON', PARTITIONS=1);

-- Who the visitors are, as the shop's database says.
CREATE TABLE users (userid STRING PRIMARY KEY, country STRING)
  WITH (KAFKA_TOPIC='users', VALUE_FORMAT='JSON', PARTITIONS=1);

-- Each view with its visitor's country. Strangers stay in, without one.
CREATE STREAM located_views AS
  SELECT v.userid AS userid, COALESCE(u.country, 'unknown') AS country, v.page AS page
  FROM pageviews v LEFT JOIN users u ON v.userid = u.userid
  EMIT CHANGES;

-- Pages read by at least two visitors within a minute.
CREATE TABLE trending AS
  SELECT page, COUNT(*) AS views, SUM(read_ms) / 1000 AS read_seconds
  FROM pageviews
  WINDOW TUMBLING (SIZE 1 MINUTE, GRACE PERIOD 10 SECONDS)
  GROUP BY page
  HAVING COUNT(*) >= 2
  EMIT CHANGES;
