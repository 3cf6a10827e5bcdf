"""A large stored gallery is searched on disk: a tenth of a million pictures.

`benchmarks/large_gallery.py` measures the whole million, which may take 300 MB.
"""

import json
import subprocess
import sys

import pytest
from conftest import REPOSITORY

ROWS, DIMENSIONS = 100_000, 512
CEILING = 90  # MB: a tenth of 300, and room for the blocks that no gallery needs more of


@pytest.mark.slow
def test_memory_of_a_search_in_a_large_gallery() -> None:
    script = REPOSITORY / "benchmarks" / "large_gallery.py"
    command = [sys.executable, script, "--json", f"--rows={ROWS}", f"--dimensions={DIMENSIONS}"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    measured = json.loads(done.stdout)
    assert measured["MB on disk"] > 2 * CEILING  # so that a copy in memory would be noticed
    assert measured["hits"] == 20
    assert measured["MB more at the peak"] <= CEILING
