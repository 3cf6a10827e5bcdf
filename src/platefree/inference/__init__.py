"""Using a trained model: embed, detect, label, explain, join."""
