"""What was done with a gallery, by whom and why: entries that are added and never changed."""
