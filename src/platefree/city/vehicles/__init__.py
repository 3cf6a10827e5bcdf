"""Vehicles of the city: models, what tells two of one model apart, and their geometry."""
