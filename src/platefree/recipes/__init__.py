"""The schema of recipes, and the built-in recipes."""
