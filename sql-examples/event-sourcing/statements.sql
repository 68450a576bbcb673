-- The events are the truth: what happened to each account.
CREATE STREAM account_events (account STRING KEY, type STRING, amount DECIMAL(10, 2))
  WITH (KAFKA_TOPIC='account-events', VALUE_FORMAT='JSON', PARTITIONS=1);

-- The state follows from them.
CREATE TABLE balances AS
  SELECT
    account,
    SUM(CASE WHEN type = 'withdrawal' THEN -amount ELSE amount END) AS balance,
    COUNT(*) AS events,
    LATEST_BY_OFFSET(type) AS last_event
  FROM account_events
  WHERE type IN ('deposit', 'withdrawal')
  GROUP BY account
  EMIT CHANGES;

-- An account has a row here just while it is overdrawn.
CREATE TABLE overdrawn AS
  SELECT account, SUM(CASE WHEN type = 'withdrawal' THEN -amount ELSE amount END) AS balance
  FROM account_events
  WHERE type IN ('deposit', 'withdrawal')
  GROUP BY account
  HAVING SUM(CASE WHEN type = 'withdrawal' THEN -amount ELSE amount END) < 0
  EMIT CHANGES;
