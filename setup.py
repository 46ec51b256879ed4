"""Finds the packages; all else is in pyproject.toml, which cannot add folders of data to what is found."""

from setuptools import find_packages, setup

DATA = ["experiments.conf", "experiments.evaluate.reference"]

setup(packages=[*find_packages(include=["nets*", "experiments*"]), *DATA])
