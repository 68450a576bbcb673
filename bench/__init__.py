"""The benchmark: Merganser against Kafka Streams, on the same topics of one real Kafka."""
