"""What people read, without Spark: pages, a report, and queries for notebooks."""
