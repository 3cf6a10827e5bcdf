"""What the demo says when it is done."""

import shlex
from pathlib import Path

from platefree.experiments.demo import Demo


def test_the_search_can_be_pasted_into_a_shell() -> None:
    folder = Path("my demo")
    city, query = folder / "city", folder / "city" / "it's.jpg"
    demo = Demo(folder / "report.html", folder / "best", city, query, {}, {}, {})
    words = ["platefree", "search", query, "--gallery", city, "--model", folder / "best"]
    assert shlex.split(demo.search_command) == [str(word) for word in words]
