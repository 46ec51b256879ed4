"""What the tables of a study say: statistics, comparisons, the answer."""
