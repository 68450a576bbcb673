-- Card payments, and what is known of the cards.
CREATE STREAM payments (card STRING KEY, amount DOUBLE, merchant STRING, country STRING)
  WITH (KAFKA_TOPIC='payments', VALUE_FORMAT='JSON', PARTITIONS=1);
CREATE TABLE cards (card STRING PRIMARY KEY, holder STRING, home STRING, max_amount DOUBLE)
  WITH (KAFKA_TOPIC='cards', VALUE_FORMAT='JSON', PARTITIONS=1);

-- Each payment with a verdict.
CREATE STREAM verdicts AS
  SELECT
    p.card AS card,
    c.holder AS holder,
    p.amount AS amount,
    p.merchant AS merchant,
    CASE
      WHEN p.amount > c.max_amount THEN 'too much'
      WHEN p.country <> c.home THEN 'abroad'
      ELSE 'fine'
    END AS verdict
  FROM payments p JOIN cards c ON p.card = c.card
  EMIT CHANGES;

-- The suspicious ones, for the people who call the holders.
CREATE STREAM alerts AS
  SELECT card, holder, verdict, amount, merchant
  FROM verdicts
  WHERE verdict <> 'fine'
  EMIT CHANGES;

-- Three payments with one card within ten minutes, looked at every five.
CREATE TABLE rapid_fire AS
  SELECT card, COUNT(*) AS payments, SUM(amount) AS spent
  FROM payments
  WINDOW HOPPING (SIZE 10 MINUTES, ADVANCE BY 5 MINUTES, GRACE PERIOD 5 MINUTES)
  GROUP BY card
  HAVING COUNT(*) >= 3
  EMIT CHANGES;
