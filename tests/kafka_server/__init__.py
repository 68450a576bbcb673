"""A real Apache Kafka, schema registry and Kafka Connect on loopback, for tests and benchmarks."""
