"""From footage to sightings: so far the seam that a tracker plugs into."""
