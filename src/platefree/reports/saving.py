"""Write a report: one self-contained page, and the same figures as JSON and Markdown."""

import json
from pathlib import Path

from platefree.evaluation.results import Report
from platefree.reports.figures import render_markdown
from platefree.reports.page import render_page
from platefree.reports.page_path import page_path
from platefree.storage.files import write_text


def save_report(report: Report, path: str | Path) -> Path:
    """Write a report.

    Args:
        report: from `platefree.evaluate`.
        path: the HTML file, ``report.html``; ``report.json`` and ``report.md`` are written next to
            it.

    Returns:
        The path of the HTML file.

    Raises:
        DataError: the path does not end in ``.html``.
        StorageError: a file cannot be written.
    """
    page = page_path(path)
    # the largest first, so that a full disk does not leave the small files without the page
    write_text(page, render_page(report))
    write_text(page.with_suffix(".json"), json.dumps(report.to_json(), indent=2) + "\n")
    write_text(page.with_suffix(".md"), render_markdown(report))
    return page
