"""The synthetic city: vehicle models, identities, cameras, traffic, weather, pictures, labels."""
