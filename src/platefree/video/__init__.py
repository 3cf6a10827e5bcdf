"""From footage to sightings: vehicles are followed, and the best pictures of each are kept."""
