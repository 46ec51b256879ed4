"""Finds the packages; all else is in pyproject.toml, which cannot add `experiments.conf` to what is found."""

from setuptools import find_packages, setup

setup(packages=[*find_packages(include=["nets*", "experiments*"]), "experiments.conf"])
