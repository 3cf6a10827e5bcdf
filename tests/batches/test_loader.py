"""Processes that load pictures."""

import subprocess
import sys

HUNG_UP = """
import os, time
from multiprocessing import process, resource_sharer
from multiprocessing.connection import Client

from platefree.batches.loader import start_worker

start_worker(0)
shared = resource_sharer.DupFd(os.open(os.devnull, os.O_RDONLY))
address, _ = shared._id
Client(address, authkey=process.current_process().authkey).close()
time.sleep(0.5)  # the thread that hands over meets the end
raise SystemExit(str(1 / 0) if {fails} else 0)
"""


def _printed(*, fails: bool) -> str:
    script = HUNG_UP.format(fails=fails)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == fails
    return done.stderr


def test_a_main_process_that_stops_while_a_batch_is_handed_over_prints_nothing() -> None:
    assert _printed(fails=False) == ""


def test_other_failures_of_a_loading_process_are_printed() -> None:
    assert "ZeroDivisionError" in _printed(fails=True)
    assert "EOFError" not in _printed(fails=True)
