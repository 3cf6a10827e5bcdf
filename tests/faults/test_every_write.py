"""Whatever change of the disk fails in whatever verb: nothing is lost, and the next run goes on.

For each verb and each kind of failure two of its changes are tried, others by each kind; with
``--every-write`` all of them.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from faulty_disk import BROKEN, FULL, CachingDisk, FaultyDisk, Killed
from writing_verbs import STORES, VERBS, Undisturbed, World, call, state

from platefree.storage.disk import TEMPORARY, written_to

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Failure:
    """A kind of failure.

    Attributes:
        disk: makes the disk on which the n-th change below a folder fails.
        kills: whether the process ends.
    """

    disk: Callable[[Path, int], FaultyDisk]
    kills: bool = False


FAILURES = {
    "kill": Failure(lambda root, at: FaultyDisk(at), kills=True),
    "power cut": Failure(lambda root, at: CachingDisk(root, at, keeps_names=False), kills=True),
    "power cut, names kept": Failure(
        lambda root, at: CachingDisk(root, at, keeps_names=True), kills=True
    ),
    "full disk": Failure(lambda root, at: FaultyDisk(at, FULL, lasting=True)),
    "broken disk": Failure(lambda root, at: FaultyDisk(at, BROKEN)),
    "no memory": Failure(lambda root, at: FaultyDisk(at, MemoryError)),
}


REPLACED = {
    verb: arguments
    for verb, arguments in VERBS.items()
    if verb not in ("crop", "city", "train", "train, validated", "ablate", *STORES)
}
"""The verbs whose outputs may be there already."""


SLOW = ("ablate", "ingest")
"""Verbs that take seconds: fewer of their changes fail."""


def chosen(verb: str, changes: int, failure: str, pytestconfig: pytest.Config) -> list[int]:
    if pytestconfig.getoption("--every-write"):
        return list(range(1, changes + 1))
    place = list(FAILURES).index(failure)
    parts: tuple[float, ...] = [(0.35, 1), (0.15, 0.7), (0.5, 0.85)][place % 3]
    if verb in SLOW:
        parts = parts[place // 3 :][:1]
    return sorted({round(1 + (changes - 1) * part) for part in parts})


SEEN = [
    (verb, failure)
    for verb in VERBS
    for failure in FAILURES
    if verb not in STORES or not failure.startswith("power cut")
]


@pytest.mark.parametrize(("verb", "failure"), SEEN)
def test_a_failed_change_of_the_disk_loses_nothing(
    verb: str,
    failure: str,
    world: World,
    undisturbed: Callable[[str], Undisturbed],
    pytestconfig: pytest.Config,
) -> None:
    done = undisturbed(verb)
    out, whole = done.out, done.whole
    tried = chosen(verb, done.changes, failure, pytestconfig)
    for at in tried:
        shutil.rmtree(out)
        out.mkdir()
        arguments = VERBS[verb](world, out)  # what it changes is there before
        disk = FAILURES[failure].disk(out, at)
        with written_to(disk):
            try:
                code, errors = call(arguments)
            except Killed:
                assert FAILURES[failure].kills
            else:  # threads make a folder or two more or less
                assert disk.changes < at or not FAILURES[failure].kills
                last = errors.strip().splitlines()[-1]
                assert code == 0 or (code == 1 and last.startswith("platefree: ")), (at, errors)
        if isinstance(disk, CachingDisk):
            disk.cut()
        code, errors = call(VERBS[verb](world, out))
        assert code == 0, (at, errors)
        found = state(out)
        assert not [name for name in found if TEMPORARY in name], at
        assert found.keys() == whole.keys(), at
        different = [name for name in whole if found[name] != whole[name]]
        assert different == [], at
    print(f"\n{verb}, {failure}: {len(tried)} of {done.changes} changes failed, all survived")  # noqa: T201 - shown by -s


@dataclass(frozen=True)
class Repeated:
    """A verb that is called again, over what it wrote before.

    Attributes:
        kept: a copy of what it wrote before.
        changes: how many changes of the disk the second call took.
    """

    kept: Path
    changes: int


@pytest.fixture(scope="module")
def repeated(
    world: World,
    undisturbed: Callable[[str], Undisturbed],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], Repeated]:
    """Calls a verb again, once, with nothing in its way."""

    def run(verb: str) -> Repeated:
        out = undisturbed(verb).out
        shutil.rmtree(out)
        out.mkdir()
        assert call(REPLACED[verb](world, out))[0] == 0
        kept = Path(shutil.copytree(out, tmp_path_factory.mktemp("kept") / "out"))
        counting = FaultyDisk()
        with written_to(counting):
            assert call(REPLACED[verb](world, out))[0] == 0
        assert state(out) == undisturbed(verb).whole
        return Repeated(kept, counting.changes)

    return cache(run)


@pytest.mark.parametrize("failure", ["power cut", "power cut, names kept", "full disk"])
@pytest.mark.parametrize("verb", REPLACED)
def test_a_failed_change_keeps_what_was_there(
    verb: str,
    failure: str,
    world: World,
    undisturbed: Callable[[str], Undisturbed],
    repeated: Callable[[str], Repeated],
    pytestconfig: pytest.Config,
) -> None:
    out, whole, again = undisturbed(verb).out, undisturbed(verb).whole, repeated(verb)
    shutil.rmtree(out)
    shutil.copytree(again.kept, out)
    for at in chosen(verb, again.changes, failure, pytestconfig):
        arguments = REPLACED[verb](world, out)
        disk = FAILURES[failure].disk(out, at)
        with written_to(disk):
            try:
                call(arguments)
            except Killed:
                assert FAILURES[failure].kills
        if isinstance(disk, CachingDisk):
            disk.cut()
        found = state(out)
        assert {name: found.get(name) for name in whole} == whole, at
