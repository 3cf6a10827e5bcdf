"""The parts of a fast-reid checkout that are measured, copied and compiled elsewhere."""

import shutil
import subprocess
import sys
from pathlib import Path

from peer_calls import UnavailableError


def build_fast_reid(checkout: Path, target: Path) -> Path:
    """Copy the ranking and re-ranking code into a new folder and compile it there.

    fast-reid itself compiles into its own folder when it first evaluates; here the user's checkout
    is left unchanged.

    Raises:
        UnavailableError: there is no such code, or it does not compile.
    """
    source = checkout / "fastreid" / "evaluation"
    for name in ("rank_cylib/rank_cy.pyx", "rerank.py"):
        if not (source / name).is_file():
            raise UnavailableError(f"{checkout} is no checkout of fast-reid: no {source / name}")
    shutil.copytree(source / "rank_cylib", target / "rank_cylib")
    shutil.copy(source / "rerank.py", target)
    command = [sys.executable, "setup.py", "build_ext", "--inplace"]
    done = subprocess.run(command, cwd=target / "rank_cylib", capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise UnavailableError(f"does not compile (pip install cython setuptools): {last}")
    return target
