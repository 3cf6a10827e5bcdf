"""From a scene to the picture that a camera sends, with a label for every pixel."""
