"""Experiments that train models: ablations, the comparison of all methods, the demo."""
