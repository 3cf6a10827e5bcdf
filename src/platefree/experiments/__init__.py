"""Comparisons that train: ablations, all methods in one table, the demo."""
