"""The report of a study; `python -m experiments.report`."""
