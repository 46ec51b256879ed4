"""Times this program beside its peers; `python -m experiments.benchmark`."""
