"""All writing: whole or not at all, by one writer at a time."""
