"""Writes networks and studies for other programs; `python -m experiments.export`."""
