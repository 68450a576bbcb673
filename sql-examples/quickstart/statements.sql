-- Departures from New York's three airports on 10 July 2013, the day of the thunderstorms.
CREATE STREAM flights (
    origin STRING KEY,
    carrier STRING,
    flight INT,
    dest STRING,
    delay_min INT,
    cancelled BOOLEAN
  ) WITH (KAFKA_TOPIC='flights', VALUE_FORMAT='JSON', PARTITIONS=1);

-- How each airport does, hour by hour, by when the planes left.
CREATE TABLE delays AS
  SELECT
    origin,
    COUNT(*) AS flights,
    SUM(CASE WHEN cancelled THEN 1 ELSE 0 END) AS cancelled,
    ROUND(AVG(delay_min)) AS avg_delay_min,
    MAX(delay_min) AS max_delay_min
  FROM flights
  WINDOW TUMBLING (SIZE 1 HOUR, GRACE PERIOD 10 MINUTES)
  GROUP BY origin
  EMIT CHANGES;
