"""The streaming job: it lands files, and messages of Kafka, in the bronze Delta tables."""
