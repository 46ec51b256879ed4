"""Stacked multilayer perceptrons in NumPy: arrays in, arrays out; no files, no frames, no figures."""

NUMERICS = 2
"""The version of the arithmetic. Networks that other versions trained differ in the last digits.

1. The first version.
2. ELU, SELU and CELU by NumPy's expm1 where it is vectorised; GELU's normal distribution by a polynomial in float32.
"""
