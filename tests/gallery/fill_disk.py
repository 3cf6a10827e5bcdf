"""Fill a small disk with a gallery; run by ``unshare`` in a mount namespace of its own."""

import subprocess
import sys
from pathlib import Path

from platefree.errors import StorageError
from platefree.gallery import lance as lance_store
from platefree.ranking.comparison import ONLY_SPACE

sys.path.insert(0, str(Path(__file__).parent))
from lance_batches import batch

lance_store.TIERS, lance_store.MANY = (64, 1_000), 4  # so that gathering meets the full disk too
place = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", place], check=True)
ballast = place / "ballast"
ballast.write_bytes(bytes(5_000_000))
store = lance_store.LanceStore(place / "lot", ONLY_SPACE)


def check(stored: list[int]) -> None:
    """What was acknowledged is there, also for a process that opens it now."""
    opened = lance_store.LanceStore(place / "lot", ONLY_SPACE)
    tracks = opened.get(opened.latest()).sightings.track.tolist()
    sizes = {number: tracks.count(str(number)) for number in stored}
    assert sizes == dict.fromkeys(stored, 40), sizes
    assert len(tracks) == 40 * len(stored), len(tracks)


acknowledged, refused = list[int](), 0
for number in range(1, 400):
    try:
        store.add(*batch(number, 40))
        acknowledged.append(number)
    except StorageError as error:
        sys.stderr.write(f"{error}\n")
        refused += "full" in str(error)
        check(acknowledged)
        if refused == 5:
            break
assert refused == 5
ballast.unlink()
store.add(*batch(1_000, 40))
store.compact()
check([*acknowledged, 1_000])
sys.stdout.write(f"{len(acknowledged)} additions\n")
