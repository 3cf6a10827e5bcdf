"""Protocols make trials, one metric function scores them, and a report shows the results."""
