"""Results as pages, figures, strips and contact sheets."""
