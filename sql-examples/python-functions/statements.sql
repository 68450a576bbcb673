-- Requests as the front door logged them.
CREATE STREAM requests (client STRING, ms BIGINT)
  WITH (KAFKA_TOPIC='requests', VALUE_FORMAT='JSON', PARTITIONS=1);

-- Who asked from outside, and from which network.
CREATE STREAM outside AS
  SELECT client, network(client, 24) AS net, ms
  FROM requests
  WHERE NOT is_private(client)
  EMIT CHANGES;

-- What nine of ten requests of a network do not exceed.
CREATE TABLE waiting AS
  SELECT net, COUNT(*) AS requests, percentile(ms, 90) AS p90
  FROM outside
  GROUP BY net
  EMIT CHANGES;
