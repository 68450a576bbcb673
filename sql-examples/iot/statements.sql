-- Thermometers report when they took a reading, and some report late.
CREATE STREAM readings (sensor STRING KEY, taken BIGINT, celsius DOUBLE, battery INT)
  WITH (KAFKA_TOPIC='readings', VALUE_FORMAT='JSON', TIMESTAMP='taken', PARTITIONS=1);

-- For those who think in Fahrenheit; sensors on mains power have no battery.
CREATE STREAM readings_f AS
  SELECT sensor, celsius * 9 / 5 + 32 AS fahrenheit, IFNULL(battery, 100) AS battery
  FROM readings
  EMIT CHANGES;

-- Batteries to change.
CREATE STREAM low_batteries AS
  SELECT sensor, battery
  FROM readings
  WHERE battery < 20
  EMIT CHANGES;

-- The climate of each minute; a reading more than 30 s late no longer counts.
CREATE TABLE climate AS
  SELECT sensor, COUNT(*) AS readings, MIN(celsius) AS low, MAX(celsius) AS high,
    AVG(celsius) AS average
  FROM readings
  WINDOW TUMBLING (SIZE 1 MINUTE, GRACE PERIOD 30 SECONDS)
  GROUP BY sensor
  EMIT CHANGES;
