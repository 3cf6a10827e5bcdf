"""From footage to sightings: footage is read, vehicles are followed, the best pictures are kept."""
