"""Comparisons of activations and of output/cost pairings: configuration, data, training, tables, figures."""
