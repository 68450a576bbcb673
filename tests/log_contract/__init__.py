"""What every log keeps: one suite for the embedded log and for Kafka."""
