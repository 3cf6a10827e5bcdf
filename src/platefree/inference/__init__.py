"""A trained model in use: embed, find, label, explain, join."""
