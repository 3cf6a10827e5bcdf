"""What a training run leaves beside its checkpoints: its log, and how it went."""
