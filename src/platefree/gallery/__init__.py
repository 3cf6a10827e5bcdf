"""Stored embeddings, and searches in them."""
