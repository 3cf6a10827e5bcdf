"""Tables of pictures: reading, checking, splitting, sampling, loading."""
