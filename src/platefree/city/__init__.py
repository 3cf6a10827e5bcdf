"""The synthetic city: vehicle models and identities, cameras, traffic, weather, pictures, labels."""
