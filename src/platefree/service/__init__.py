"""A gallery as a service: an API, who may use it, what is written down, and what is too much."""
