"""Exact distances and rankings over embeddings; no torch here."""
