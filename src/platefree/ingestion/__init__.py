"""Footage becomes sightings in a gallery: cameras, what is done of each film, one writer."""
