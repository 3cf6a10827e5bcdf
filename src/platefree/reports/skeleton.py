"""The frame of every page: one HTML file without network, script or other files."""

from importlib.resources import files

from platefree.reports.drawing import clean

# Nothing may be fetched, whatever a label or a path contains.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def html_page(title: str, header: str, body: str, *, before: str = "", footer: str = "") -> str:
    """The text of a page.

    Args:
        title: plain text.
        header: HTML.
        body: HTML.
        before: HTML before the header, such as patterns of charts.
        footer: HTML; by default who wrote it.
    """
    style = files("platefree.reports").joinpath("page.css").read_text(encoding="utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{clean(title)}</title>"
        f"<style>{style}</style></head><body>{before}<header>{header}</header>"
        f"<main>{body}</main><footer>{footer or 'Written by platefree.'}</footer></body></html>\n"
    )
