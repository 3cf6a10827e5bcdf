"""Add, delete and compact in a gallery without end; say what is begun and what is done."""

import random
import sys
from pathlib import Path

from platefree.gallery import lance as lance_store
from platefree.gallery import lance_indexes
from platefree.gallery.filters import Filter
from platefree.ranking.comparison import ONLY_SPACE

sys.path.insert(0, str(Path(__file__).parent))
from lance_batches import batch

lance_store.TIERS, lance_store.MANY, lance_store.MOST = (8, 64), 4, 8  # all of it happens often
lance_indexes.INDEX_FROM, lance_indexes.UNINDEXED = 300, 60


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


folder, start, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
chance = random.Random(seed)  # noqa: S311
store = lance_store.LanceStore(folder, ONLY_SPACE)
there = [int(each) for each in sys.argv[4:]]
say("ready")
for number in range(start, start + 100_000):
    size = chance.choice([1, 1, 3, 40])
    say("begin", "add", number, size)
    store.add(*batch(number, size))
    say("done", "add", number, size)
    there.append(number)
    if len(there) > 30:
        gone = there.pop(chance.randrange(len(there)))
        say("begin", "delete", gone, 0)
        store.delete(Filter(tracks=[str(gone)]))
        say("done", "delete", gone, 0)
    if chance.random() < 0.15:
        store.compact()
