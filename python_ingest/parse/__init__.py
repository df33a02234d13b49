"""From received bytes to the columns of the bronze tables, in Spark's Python workers."""
