-- Three services, each with a topic of its own.
CREATE STREAM order_events (order_id STRING KEY, type STRING, amount DOUBLE)
  WITH (KAFKA_TOPIC='orders.events', VALUE_FORMAT='JSON', PARTITIONS=1);
CREATE STREAM payment_events (order_id STRING KEY, outcome STRING, provider STRING)
  WITH (KAFKA_TOPIC='payments.events', VALUE_FORMAT='JSON', PARTITIONS=1);
CREATE STREAM shipping_events (order_id STRING KEY, step STRING)
  WITH (KAFKA_TOPIC='shipping.events', VALUE_FORMAT='JSON', PARTITIONS=1);

-- One journal of all of them, in one vocabulary.
CREATE STREAM journal AS
  SELECT order_id, 'orders' AS service, UCASE(type) AS event
  FROM order_events
  EMIT CHANGES;
INSERT INTO journal
  SELECT order_id, 'payments' AS service, CONCAT('PAYMENT ', UCASE(outcome)) AS event
  FROM payment_events
  EMIT CHANGES;
INSERT INTO journal
  SELECT order_id, 'shipping' AS service, UCASE(step) AS event
  FROM shipping_events
  WHERE step <> 'label printed'
  EMIT CHANGES;

-- Where every order stands.
CREATE TABLE order_status AS
  SELECT order_id, LATEST_BY_OFFSET(event) AS status, COUNT(*) AS events
  FROM journal
  GROUP BY order_id
  EMIT CHANGES;
