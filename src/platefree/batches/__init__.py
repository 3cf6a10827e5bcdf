"""Pictures from disk to batches of tensors."""
