"""Text of others in our HTML and SVG."""

from html import escape


def clean(text: object) -> str:
    """Text fit for HTML, for attributes and for UTF-8, whatever bytes a file name is made of."""
    return escape(str(text).encode("utf-8", "replace").decode("utf-8"))
