"""Protocols make trials, one metric function scores them, a report shows what was measured."""
