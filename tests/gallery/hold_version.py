"""Hold a version of a gallery until stdin ends, then read it, and print how many it holds."""

import sys

from platefree.gallery.lance import LanceStore
from platefree.ranking.comparison import ONLY_SPACE

with LanceStore(sys.argv[1], ONLY_SPACE).snapshot() as now:
    sys.stdout.write(f"{now.version}\n")
    sys.stdout.flush()
    sys.stdin.read()
    sys.stdout.write(f"{len(now.get(now.latest()))}\n")
