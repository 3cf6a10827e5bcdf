"""From footage to sightings: reading footage, and the seam that a tracker plugs into."""
