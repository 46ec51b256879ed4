"""From settings and data to the tables of a run; no files, no printing."""
