"""What models, tables and settings are known by: equal ones have equal fingerprints."""

import hashlib


def fingerprint_of_text(described: str) -> str:
    """The first 12 hexadecimal digits of the SHA-256 of a text."""
    return hashlib.sha256(described.encode()).hexdigest()[:12]
