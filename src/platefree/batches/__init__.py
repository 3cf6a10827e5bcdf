"""Batches of tensors from pictures on disk."""
