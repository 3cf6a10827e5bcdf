"""Streets, cameras, traffic and weather: what passes which camera when."""
