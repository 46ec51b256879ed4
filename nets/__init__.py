"""Stacked multilayer perceptrons in NumPy: arrays in, arrays out; no files, no frames, no figures."""
