"""Write a report: one self-contained page, and the same figures as JSON and Markdown beside it."""

import json
from pathlib import Path

from platefree.evaluation.results import Report
from platefree.reports.figures import render_markdown
from platefree.reports.page import render_page
from platefree.storage import write_text


def save_report(report: Report, path: str | Path) -> Path:
    """Write a report.

    Args:
        report: from `platefree.evaluate`.
        path: the HTML file, ``report.html``; beside it ``report.json`` and ``report.md``.

    Returns:
        The path of the HTML file.

    Raises:
        StorageError: a file cannot be written.
    """
    page = Path(path)
    # the largest first, so that a full disk leaves no others beside a page that is not there
    write_text(page, render_page(report))
    write_text(page.with_suffix(".json"), json.dumps(report.to_json(), indent=2) + "\n")
    write_text(page.with_suffix(".md"), render_markdown(report))
    return page
