"""platefree: find the same vehicle across cameras without reading its plate."""
