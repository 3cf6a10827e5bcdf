"""Every verb that writes, on small worlds, and what it has written."""

import io
import json
import re
import sqlite3
import sys
from collections.abc import Callable, Sequence
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
from conftest import TINY, TINY_FDA, TINY_VIEW
from fake_studio import BlockStudio
from faulty_disk import FaultyDisk
from part_pictures import draw_parts
from PIL import Image
from random_detector import random_detector
from small_films import write_film
from small_sets import COMPCARS, write_files

import platefree as pf
from platefree import cli
from platefree.city import generate
from platefree.cli import search_verb
from platefree.data.table import write_table
from platefree.methods.catalogue import load_recipe
from platefree.storage.disk import written_to
from platefree.training.loop import train
from platefree.types import Sightings

_VARYING = re.compile(
    rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?([+.]\S+)?|"
    rb"\"(images_per_second|seconds|validation_seconds)\": [\d.e-]+"
)
"""Moments and durations, which differ between two runs."""


_STORED = re.compile(r"\.lance/|\.sqlite(-journal)?$|audit")
"""Files of Lance and SQLite, and of the audit log, in which each run has an entry."""


@dataclass(frozen=True)
class World:
    """What the verbs are given: pictures, a model of them, a set, and what `make_world` made."""

    pictures: Path
    model: Path
    cityflow: Path
    made: Path

    @property
    def other(self) -> Path:
        return self.made / "other" / "best"

    @property
    def views(self) -> Path:
        return self.made / "views" / "best"

    @property
    def parts(self) -> Path:
        return self.made / "parts"

    @property
    def detector(self) -> Path:
        return self.made / "detector" / "best"

    @property
    def generator(self) -> Path:
        return self.made / "fda" / "best"

    @property
    def compcars(self) -> Path:
        return self.made / "compcars"

    @property
    def frames(self) -> Path:
        return self.made / "frames"

    @property
    def film(self) -> Path:
        return self.made / "gate.mp4"

    @property
    def query(self) -> Path:
        return next(iter(sorted(self.pictures.rglob("*.jpg"))))


def make_world(made: Path, drawn_table: Sightings) -> None:
    """Models and data sets in a folder."""
    camera = np.array([int(name.strip("cam")) for name in drawn_table.camera.tolist()])
    seen = replace(drawn_table, view=np.where(camera % 2, "front", "rear"))
    write_table(seen, made / "seen.csv")
    train(load_recipe("viewpoint/city", TINY_VIEW), seen, made / "views")
    other = load_recipe("strong_baseline/demo", {**TINY, "train.seed": 1})
    train(other, drawn_table, made / "other")
    draw_parts(made / "parts", vehicles=4, each=3)
    small = {key: value for key, value in TINY_VIEW.items() if key.startswith("train.")}
    shape = {"input.height": 64, "input.width": 64, "model.width": 32, "model.depth": 1}
    recipe = load_recipe(
        "part_detector/city", {**small, **shape, "model.backbone": "test_resnet", "train.epochs": 1}
    )
    train(recipe, made / "parts", made / "detector")
    train(load_recipe("fda_net/city", TINY_FDA), drawn_table, made / "fda")
    random_detector(made / "frames")
    compcars = write_files(made / "compcars", COMPCARS)
    for name in ("1/11/2011/aa", "1/11/2012/bb"):
        path = compcars / "image" / f"{name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 30), "red").save(path)
        write_files(compcars, {f"label/{name}.txt": "1\n1\n3 5 20 11\n"})
    write_film(made / "gate.mp4", [number / 10 for number in range(12)])


Arguments = Sequence[object]
SETTINGS = [f"--set={key}={value}" for key, value in TINY.items()]


def _train(world: World, out: Path) -> Arguments:
    resume = ["--resume"] if (out / "run/last/card.json").exists() else []
    stages = ["--set=train.checkpoint_steps=2", "--set=train.average=0.5"]
    command = ["train", "strong_baseline/demo", "--data", world.pictures, "--out", out / "run"]
    return [*command, *SETTINGS, *stages, *resume]


def _validated(world: World, out: Path) -> Arguments:
    validation = ["--set=train.validation=0.4", "--set=train.validate_epochs=1"]
    return [*_train(world, out), *validation]


def _ablate(world: World, out: Path) -> Arguments:
    rows = out.parent / "rows.toml"
    settings = "\n".join(f'"{key}" = {json.dumps(value)}' for key, value in TINY.items())
    names = ("plain", "again")
    each = [f'[[rows]]\nname = "{name}"\nrecipe = "strong_baseline/demo"\n' for name in names]
    rows.write_text("\n".join(['title = "two rows"', "[set]", settings, *each]))
    return ["ablate", rows, "--data", world.pictures, "--out", out / "table", "--seeds", 1]


def _calibrate(world: World, out: Path) -> Arguments:
    model = out / "model"
    if not (model / "card.json").exists():
        copytree(world.model, model)
    report = out / "r" / "page.html"
    words = ["calibrate", model, "--data", world.pictures, "--report", report]
    return [*words, "--workers", 0]


VERBS: dict[str, Callable[[World, Path], Arguments]] = {
    "split": lambda world, out: ["data", "split", world.pictures, "--out", out / "a" / "split.csv"],
    "merge": lambda world, out: ["data", "merge", world.pictures, "--out", out / "all.parquet"],
    "crop": lambda world, out: ["data", "crop", world.compcars, "--out", out / "crops"],
    "label": lambda world, out: [
        *("label", world.pictures, "--view", world.views, "--out", out / "views.csv"),
        *("--workers", 0),
    ],
    "parts": lambda world, out: [
        *("parts", world.parts, "--model", world.detector, "--out", out / "parts.csv"),
        *("--workers", 0),
    ],
    "detect": lambda world, out: [
        *("detect", world.query, "--model", world.frames, "--out", out / "drawn"),
    ],
    "embed": lambda world, out: [
        *("embed", world.pictures, "--model", world.model, "--out", out / "stored"),
        *("--workers", 0),
    ],
    "ingest": lambda world, out: [
        *("ingest", world.film, "--gallery", out / "lot", "--model", world.model),
        *("--detector", world.frames, "--camera", "gate", "--start", "unknown", "--keep-plates"),
    ],
    "search": lambda world, out: [
        *("search", world.query, "--gallery", world.parts, "--sheet", out / "sheet.png"),
        *("--model", "color_stripes", "--workers", 0),
    ],
    "eval": lambda world, out: [
        *("eval", world.model, "--data", world.pictures, "--report", out / "r" / "report.html"),
        *("--workers", 0),
    ],
    "calibrate": _calibrate,
    "samples": lambda world, out: [
        *("samples", world.generator, "--data", world.pictures, "--out", out / "s" / "sheet.png"),
    ],
    "ensemble": lambda world, out: [
        *("ensemble", world.model, world.other, "--out", out / "both"),
    ],
    "submit": lambda world, out: [
        *("submit", "color_stripes", "--data", world.cityflow, "--out", out / "track2.txt"),
        *("--workers", 0),
    ],
    "city": lambda world, out: [
        *("city", out / "city", "--vehicles", 6, "--cameras", 3, "--images", 40),
        *("--size", 64, "--workers", 1, "--layout", "veri-776"),
    ],
    "train": _train,
    "train, validated": _validated,
    "ablate": _ablate,
}


STORES = {"ingest"}
"""Verbs whose outputs Lance and SQLite write, unseen by the disks of the tests."""


class Noon(datetime):
    """A clock that stands."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "Noon":
        return cls(2026, 5, 1, 12, tzinfo=tz)


def call(arguments: Arguments) -> tuple[int, str]:
    """Call ``platefree ARGUMENTS``: the exit code and what stands on stderr."""
    errors = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stderr(errors):
        patch.setattr(sys, "argv", ["platefree", *map(str, arguments)])
        patch.setattr(generate, "_own_studio", lambda settings: BlockStudio())
        patch.setattr(search_verb, "datetime", Noon)  # which a contact sheet shows
        with redirect_stdout(io.StringIO()), pytest.raises(SystemExit) as stopped:
            cli.main()
    assert isinstance(stopped.value.code, int)
    return stopped.value.code, errors.getvalue()


def state(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, without what differs between two runs; of stores what they hold."""
    found = {
        str(path.relative_to(folder)): _VARYING.sub(b"", path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not _STORED.search(str(path.relative_to(folder)))
    }
    for path in sorted(folder.rglob("gallery.json")):
        found[f"{path.parent.relative_to(folder)} holds"] = _sightings(path.parent)
    for path in sorted(folder.rglob("*.sqlite")):
        with closing(sqlite3.connect(path)) as database:
            dumped = "\n".join(database.iterdump()).encode()
        found[f"{path.relative_to(folder)} holds"] = _VARYING.sub(b"", dumped)
    return found


def _sightings(folder: Path) -> bytes:
    """What a gallery holds, without the order in which it came."""
    gallery = pf.Gallery.open(folder)
    numbers = gallery.store.latest()
    if not len(numbers):
        return b""
    stored, small = gallery.store.get(numbers), gallery.store.crops(numbers)
    table = stored.sightings
    rows = [
        repr((table.labels(row), table.frame[row], table.box[row].tolist())).encode()
        + b"".join(space[row].tobytes() for space in stored.spaces.values())
        + small[row]
        for row in range(len(numbers))
    ]
    return b"\n".join(sorted(rows))


@dataclass(frozen=True)
class Undisturbed:
    """What a verb wrote with nothing in its way.

    Attributes:
        out: the folder that it wrote to, whose name stands in some files; it may be used again.
        whole: what it wrote.
        changes: how many changes of the disk that took.
    """

    out: Path
    whole: dict[str, bytes]
    changes: int


def run_undisturbed(verb: str, world: World, folder: Path) -> Undisturbed:
    """Let a verb write into the folder ``out`` of an empty one."""
    out = folder / "out"
    out.mkdir()
    counting = FaultyDisk()
    with written_to(counting):
        code, errors = call(VERBS[verb](world, out))
    assert code == 0, errors
    whole = state(out)
    assert whole
    return Undisturbed(out, whole, counting.changes)
