-- Log lines as comma-separated text: level, service, duration, message.
CREATE STREAM logs (host STRING KEY, level STRING, service STRING, took_ms INT, message STRING)
  WITH (KAFKA_TOPIC='logs', VALUE_FORMAT='DELIMITED', PARTITIONS=1);

-- What somebody should look at, as JSON.
CREATE STREAM problems WITH (VALUE_FORMAT='JSON') AS
  SELECT
    host,
    service,
    CASE WHEN level = 'FATAL' THEN 1 WHEN level = 'ERROR' THEN 2 ELSE 3 END AS severity,
    TRIM(message) AS message
  FROM logs
  WHERE level IN ('WARN', 'ERROR', 'FATAL')
  EMIT CHANGES;

-- Problems of each service by the minute, with the worst severity.
CREATE TABLE problems_per_minute AS
  SELECT service, COUNT(*) AS problems, MIN(severity) AS worst
  FROM problems
  WINDOW TUMBLING (SIZE 1 MINUTE)
  GROUP BY service
  EMIT CHANGES;

-- Requests of each service by the minute, as comma-separated text again.
CREATE TABLE requests_per_minute AS
  SELECT service, COUNT(took_ms) AS requests, MAX(took_ms) AS slowest_ms
  FROM logs
  WINDOW TUMBLING (SIZE 1 MINUTE)
  WHERE took_ms IS NOT NULL
  GROUP BY service
  EMIT CHANGES;
