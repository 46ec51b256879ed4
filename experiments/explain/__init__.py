"""Explains a computational graph or a formula; `python -m experiments.explain`."""
