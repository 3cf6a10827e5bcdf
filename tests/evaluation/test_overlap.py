"""Is a model scored on what it learnt from? By the bytes of pictures and the names of vehicles."""

import hashlib
import json
import logging
import shutil
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import TINY
from messages import facts, says
from part_pictures import draw_parts
from safetensors.torch import load_file, save

import platefree as pf
from platefree.batches.training_data import training_data
from platefree.checkpoint import read_checkpoint
from platefree.data.dataset import DataSet, PairList
from platefree.data.learnt import Learnt, name_hashes, picture_hashes, vehicle_hashes
from platefree.errors import CheckpointError
from platefree.evaluation.evaluate import open_data, plan_for
from platefree.evaluation.leakage import (
    learnt_at,
    learnt_by,
    overlap_of,
    overlap_of_rows,
    scored_rows,
)
from platefree.evaluation.overlap import Overlap
from platefree.inference.shipped import shipped_embedder
from platefree.methods.catalogue import build_method
from platefree.nets.weights import read_learnt, save_checkpoint
from platefree.recipes.post import More, Post
from platefree.reports.figures import render_markdown
from platefree.reports.page import render_page
from platefree.training.learning_record import learnt_in_run
from platefree.types import same_text

SHORT = {**TINY, "train.max_steps": 1}
VERSION_0_1 = Path(__file__).parents[1] / "samples" / "version-0.1"


def train(table: pf.Sightings, out: Path, **changes: object) -> Path:
    dotted = {key.replace("__", "."): value for key, value in changes.items()}
    recipe = pf.load_recipe("strong_baseline/demo", {**SHORT, **dotted})
    return pf.train(recipe, table, out).best


def overlap(model: Path | str, table: pf.Sightings, protocol: str = "leave-one-out") -> Overlap:
    found = pf.evaluate(model, table, protocol, scoring=pf.Scoring(floor=False)).overlap
    assert found is not None
    return found


def counted_by_loops(learnt: pf.Sightings, scored: pf.Sightings) -> tuple[int, int]:
    """(vehicles, pictures) of ``scored`` that are in ``learnt``; both have one known source."""
    contents = [learnt.path(row).read_bytes() for row in range(len(learnt))]
    pictures = sum(scored.path(row).read_bytes() in contents for row in range(len(scored)))
    names = set(scored.vehicle.tolist()) & set(learnt.vehicle.tolist())
    return len(names), pictures


@pytest.fixture(scope="module")
def untold(drawn_table: pf.Sightings) -> pf.Sightings:
    """The drawn vehicles without splits."""
    return replace(drawn_table, split=np.full(len(drawn_table), ""))


@pytest.fixture(scope="module")
def trained_on_all(untold: pf.Sightings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(untold, tmp_path_factory.mktemp("all"))


def test_scoring_what_was_trained_on_is_said_everywhere(
    trained_on_all: Path, untold: pf.Sightings, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        report = pf.evaluate(trained_on_all, untold, scoring=pf.Scoring(floor=False))
    found = report.overlap
    assert found is not None
    assert (found.vehicles, found.of_vehicles) == (16, 16)
    assert (found.pictures, found.of_pictures) == (96, 96)
    assert found.is_certain
    told = ("16 of 16", "96 of 96")
    (record,) = caplog.records
    assert says(record.getMessage(), *told, str(trained_on_all), "platefree data split")
    assert says(report.verdict, *told, "not comparable")
    assert says(render_markdown(report), *told)
    page = render_page(report)
    assert page.index('class="warning"') < page.index('id="figures"')
    assert says(page, *told)
    content = report.to_json()
    assert content["overlap"]["certain"]
    assert says(content["overlap"]["warning"], *told)
    assert says(content["verdict"], *told)


def test_the_command_line_warns_and_shows_it(
    trained_on_all: Path, untold: pf.Sightings, tmp_path: Path
) -> None:
    pf.write_table(untold, tmp_path / "photos.csv")
    words = ("eval", trained_on_all, "--data", tmp_path / "photos.csv")
    command = [sys.executable, "-m", "platefree", *map(str, words)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=240)
    (warning,) = [line for line in done.stderr.splitlines() if "LEAKED" in line]
    assert says(warning, "16 of 16", "96 of 96")
    assert says(done.stdout, "16 of 16", "96 of 96", "not comparable")


def test_vehicles_that_were_held_out_do_not_overlap(
    tiny_model_folder: Path, drawn_table: pf.Sightings, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        found = overlap(tiny_model_folder, drawn_table)
    assert found == Overlap(0, 8, 0, int((drawn_table.split != "train").sum()))
    assert not caplog.records
    assert found.warning() == ""


def test_copies_under_other_names_are_found_by_their_content(
    tiny_model_folder: Path, drawn_table: pf.Sightings, tmp_path: Path
) -> None:
    rows = np.arange(0, len(drawn_table), 3)
    part = drawn_table.take(rows)
    for number in range(len(part)):
        shutil.copy(part.path(number), tmp_path / f"{number}.jpg")
    copies = replace(
        part,
        root=tmp_path,
        image=np.array([f"{number}.jpg" for number in range(len(part))]),
        vehicle=np.char.add("other ", part.vehicle),
        split=np.full(len(part), ""),
    )
    learnt = drawn_table.take(drawn_table.split == "train")
    _, pictures = counted_by_loops(learnt, copies)
    in_training = part.split == "train"
    assert pictures == in_training.sum() > 0
    found = overlap(tiny_model_folder, copies)
    assert (found.pictures, found.of_pictures) == (pictures, len(part))
    assert found.vehicles == len(np.unique(copies.vehicle[in_training]))
    assert found.same_name == 0


def test_names_are_certain_within_a_source_and_doubtful_without(
    drawn_table: pf.Sightings, tmp_path: Path
) -> None:
    here = replace(drawn_table, source=np.full(len(drawn_table), "north"))
    cameras = {name: drawn_table.camera == name for name in ("cam1", "cam2", "cam3")}
    learnt = here.take(cameras["cam1"])
    learnt = replace(learnt, split=np.full(len(learnt), ""))
    model = train(learnt, tmp_path / "run")
    scored = here.take(~cameras["cam1"])
    scored = replace(scored, split=np.full(len(scored), ""))
    assert counted_by_loops(learnt, scored) == (16, 0)
    assert overlap(model, scored) == Overlap(16, 16, 0, len(scored))
    for source in ("south", ""):
        elsewhere = replace(scored, source=np.full(len(scored), source))
        found = overlap(model, elsewhere)
        assert found == Overlap(0, 16, 0, len(scored), same_name=16)
        assert not found.is_certain
        assert says(found.describe(), "0 of 16", "16", "may be the same")


@pytest.mark.parametrize("target", [None, "north"])
def test_vehicles_are_the_same_before_and_after_merging(
    drawn_table: pf.Sightings, target: str | None
) -> None:
    """Merging puts ``SOURCE/`` before their names, in the training and in what is scored."""
    north, south, elsewhere = (
        replace(drawn_table.take(drawn_table.camera == camera), source=same_text(source, 32))
        for camera, source in (("cam1", "north"), ("cam2", "south"), ("cam3", "north"))
    )
    merged = pf.merge_tables(north, south, target=target)
    merged_elsewhere = pf.merge_tables(elsewhere)
    plain, learnt = (Learnt.of(table, table.fingerprint()) for table in (north, merged))
    assert counted_by_loops(north, elsewhere) == (16, 0)
    for record in (plain, learnt):
        for scored in (elsewhere, merged_elsewhere):
            found = overlap_of_rows(record, scored, scored.fingerprint())
            assert (found.vehicles, found.pictures, found.same_name) == (16, 0, 0)
    third = replace(elsewhere, source=same_text("third", 32))
    for scored in (third, pf.merge_tables(third)):
        found = overlap_of_rows(learnt, scored, scored.fingerprint())
        assert (found.vehicles, found.same_name) == (0, 16)


def test_a_record_of_merged_names_is_still_understood(drawn_table: pf.Sightings) -> None:
    """Earlier versions recorded the names as merging had made them."""
    rows = replace(drawn_table.take(drawn_table.camera == "cam1"), source=same_text("north", 32))
    names = [f"north/{vehicle}" for vehicle in sorted(set(rows.vehicle.tolist()))]
    record = Learnt(vehicles=np.array([as_recorded("source north", name) for name in names]))
    for scored in (rows, pf.merge_tables(rows)):
        assert overlap_of_rows(record, scored, "another").vehicles == 16


def as_recorded(*texts: str) -> np.uint64:
    """The hash in a record, written anew: each text with its length before it."""
    content = b"".join(struct.pack("<Q", len(text)) + text.encode() for text in texts)
    return np.frombuffer(hashlib.blake2b(content, digest_size=8).digest(), "<u8")[0]


def test_hashes_of_tables_that_were_not_merged_are_as_ever(drawn_table: pf.Sightings) -> None:
    rows = replace(drawn_table, source=np.where(drawn_table.camera == "cam1", "north", ""))
    vehicles = list(zip(rows.source.tolist(), rows.vehicle.tolist(), strict=True))
    expected = [as_recorded(f"source {of}" if of else "f", name) for of, name in vehicles]
    assert vehicle_hashes(rows, "f").tolist() == expected
    assert name_hashes(rows).tolist() == [as_recorded(name) for _, name in vehicles]


def test_pictures_left_out_make_no_other_table(untold: pf.Sightings, tmp_path: Path) -> None:
    """The vehicles are those of the one table that was trained on and is scored."""
    split = np.where(untold.camera == "cam1", "train", "")
    damaged = [str(path) for path in map(untold.path, range(len(untold)))]
    for camera in ("cam1", "cam2"):
        damaged[int((untold.camera == camera).argmax())] = str(tmp_path / f"{camera}.jpg")
        (tmp_path / f"{camera}.jpg").write_bytes(b"no picture")
    table = replace(untold, split=split, image=np.array(damaged))
    recipe = pf.load_recipe("strong_baseline/demo", SHORT)
    run = pf.train(recipe, table, tmp_path / "run", unreadable="skip")
    scoring = pf.Scoring(floor=False, unreadable="skip")
    found = pf.evaluate(run.best, table, "leave-one-out", scoring=scoring).overlap
    assert found == Overlap(16, 16, 0, 63)


def test_another_box_of_one_file_is_another_picture(untold: pf.Sightings) -> None:
    few = untold.take(np.arange(4))
    left, right = (np.array([box] * 4, np.float32) for box in ((0, 0, 9, 9), (9, 0, 18, 9)))
    cut, beside = replace(few, box=left), replace(few, box=right)
    frame = replace(cut, frame=np.arange(4))
    each = [picture_hashes(table)[0] for table in (few, cut, beside, frame)]
    assert len(np.unique(np.concatenate(each))) == 16
    again, is_read = picture_hashes(replace(beside, vehicle=np.full(4, "x")))
    assert is_read.all()
    assert (again == each[2]).all()


def test_files_that_cannot_be_read_are_counted(untold: pf.Sightings, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "here.jpg").write_bytes(b"x")
    image = ["folder", "here.jpg", "nowhere.jpg"]
    table = pf.Sightings.from_columns(tmp_path, {"image": image})
    assert picture_hashes(table)[1].tolist() == [False, True, False]
    assert len(Learnt.of(table, "f").pictures) == 1
    assert picture_hashes(table.take(np.zeros(0, np.int64)))[0].shape == (0,)


def test_an_ensemble_learnt_what_its_members_learnt(
    drawn_table: pf.Sightings, tmp_path: Path
) -> None:
    halves = [
        drawn_table.take(np.isin(drawn_table.camera, names)) for names in (["cam1"], ["cam2"])
    ]
    halves = [replace(half, split=np.full(len(half), "")) for half in halves]
    members = [
        train(half, tmp_path / str(seed), train__seed=seed) for seed, half in enumerate(halves)
    ]
    pf.make_ensemble(members, tmp_path / "both")
    pf.make_ensemble([tmp_path / "both", "color_stripes"], tmp_path / "nested")
    for member in members:
        shutil.rmtree(member.parent)
    whole = replace(drawn_table, split=np.full(len(drawn_table), ""))
    for name in ("both", "nested"):
        found = overlap(tmp_path / name, whole)
        assert found.pictures == sum(map(len, halves))
        assert found.record == "complete"


def test_a_resumed_run_keeps_its_record(untold: pf.Sightings, tmp_path: Path) -> None:
    """Even if pictures have changed since, which are then learnt as well or not at all."""
    recipe = pf.load_recipe("strong_baseline/demo", {**TINY, "train.max_steps": 1})
    run = pf.train(recipe, untold, tmp_path / "run")
    before = read_learnt(read_checkpoint(run.last))
    longer = pf.load_recipe("strong_baseline/demo", {**TINY, "train.max_steps": 2})
    moved = replace(untold, root=tmp_path)  # the same table; the pictures themselves are elsewhere
    shutil.copytree(untold.root / "images", tmp_path / "images")
    (tmp_path / str(untold.image[0])).write_bytes((untold.path(1)).read_bytes())
    run = pf.train(longer, moved, tmp_path / "run", resume=True)
    after = read_learnt(read_checkpoint(run.best))
    assert (before.pictures == after.pictures).all()
    assert len(before.pictures) == 96
    assert sum(path.name.startswith("learnt-") for path in run.last.iterdir()) == 1


def test_what_a_model_starts_from_counts(
    trained_on_all: Path, untold: pf.Sightings, drawn_table: pf.Sightings, tmp_path: Path
) -> None:
    few = untold.take(untold.camera == "cam1")
    plain = train(few, tmp_path / "plain")
    assert overlap(plain, untold).pictures == len(few)
    checkpoint = Path(shutil.copytree(trained_on_all, tmp_path / "best"))
    tensors = load_file(next(checkpoint.glob("weights-*.safetensors")))
    own = "backbone.network."
    backbone = save({name.removeprefix(own): t for name, t in tensors.items() if own in name})
    beside = checkpoint / "backbone.safetensors"
    beside.write_bytes(backbone)
    for start in (checkpoint, beside):
        tuned = train(few, tmp_path / f"from-{start.name}", model__weights=str(start))
        assert overlap(tuned, untold).pictures == len(untold)
    student = train(few, tmp_path / "student", train__teacher=str(trained_on_all))
    assert overlap(student, untold).pictures == len(untold)
    elsewhere = tmp_path / "found.safetensors"
    elsewhere.write_bytes(backbone)
    tuned = train(few, tmp_path / "tuned", model__weights=str(elsewhere))
    found = overlap(tuned, drawn_table)
    assert found.record == "partial"
    assert says(found.describe(), str(elsewhere))


@pytest.mark.parametrize("key", ["model.viewpoint", "model.weights", "train.teacher"])
def test_every_model_that_a_recipe_names_counts(
    key: str, trained_on_all: Path, drawn_table: pf.Sightings, tmp_path: Path
) -> None:
    recipe = pf.load_recipe("vanet/city", {key: str(trained_on_all)})
    data = training_data(drawn_table, recipe.train)
    alone = learnt_in_run(pf.load_recipe("vanet/city"), drawn_table, data, tmp_path / "last")
    both = learnt_in_run(recipe, drawn_table, data, tmp_path / "last")
    assert len(alone.pictures) == len(data.sightings) < 96
    assert len(both.pictures) == 96
    assert both.tables == (drawn_table.fingerprint(), *pf.load_model(trained_on_all).learnt.tables)


def test_held_out_vehicles_are_not_learnt(drawn_table: pf.Sightings, tmp_path: Path) -> None:
    recipe = pf.load_recipe("strong_baseline/demo", {"train.validation": 0.5})
    data = training_data(drawn_table, recipe.train)
    found = learnt_in_run(recipe, drawn_table, data, tmp_path)
    held, _ = picture_hashes(data.validation)
    assert len(held)
    assert not np.isin(held, found.pictures).any()
    assert len(found.names) == len(np.unique(data.sightings.vehicle)) == 4


@pytest.mark.parametrize("recipe", ["part_regularized/city", "part_detector/city"])
def test_vehicles_that_were_learnt_with_boxes_are_known_again(recipe: str, tmp_path: Path) -> None:
    table, _ = draw_parts(tmp_path / "data")
    learning = table.split == "train"
    first = np.isin(table.camera, ["c0", "c1", "c2"])
    table = replace(table, split=np.where(learning & first, "train", "gallery"))
    rest = table.take(np.flatnonzero(learning & ~first))  # other pictures of the same vehicles
    small = {"model.backbone": "test_resnet", "input.height": 64, "input.width": 64}
    settings = pf.load_recipe(recipe, small)
    plain = training_data(table, settings.train, settings.model.learns)
    data = build_method(settings, plain.classes, weights="none").prepare(plain)
    assert data.fingerprint != table.fingerprint(), "the boxes count when a run is resumed"
    learnt = learnt_in_run(settings, table, data, tmp_path)
    found = overlap_of_rows(learnt, rest, table.fingerprint())
    assert (found.vehicles, found.pictures, found.same_name) == (4, 0, 0)


def test_models_of_post_processing_count(
    tiny_model_folder: Path, trained_on_all: Path, drawn_table: pf.Sightings
) -> None:
    post = Post(steps=["ensemble"], ensemble=More(models=[str(trained_on_all)]))
    model = pf.load_model(tiny_model_folder)
    plan = plan_for(model, open_data(drawn_table))
    assert not overlap_of(model, Post(), plan).is_certain
    assert overlap_of(model, post, plan).pictures == len(plan.rows)


def test_vehicle_models_as_identity_leave_the_names_of_the_vehicles(
    untold: pf.Sightings, tmp_path: Path
) -> None:
    kinds = replace(untold, model=np.char.add(untold.type, untold.color))
    model = train(kinds, tmp_path / "run", train__identity="model")
    found = overlap(model, kinds)
    assert (found.vehicles, found.pictures) == (16, 96)
    assert found.same_name == 0


def test_an_untrained_method_learnt_nothing(untold: pf.Sightings) -> None:
    found = overlap("color_stripes", untold)
    assert found.record == "untrained"
    assert not found.is_certain


def test_a_checkpoint_without_a_record(
    untold: pf.Sightings, drawn_table: pf.Sightings, trained_on_all: Path, tmp_path: Path
) -> None:
    """Not known, unless it was trained on the very table that is scored."""
    old = VERSION_0_1 / "run" / "best"
    found = overlap(old, untold)
    assert (found.record, found.is_certain) == ("missing", False)
    assert says(found.describe(), "not known", str(old))
    assert "not all" in pf.evaluate(old, untold, scoring=pf.Scoring(floor=False)).verdict
    forgetful = shutil.copytree(trained_on_all, tmp_path / "old")
    without_record(forgetful)
    found = overlap(forgetful, untold)
    assert (found.vehicles, found.pictures) == (16, 96)
    assert not overlap(forgetful, drawn_table).is_certain  # another table, by its splits


def test_a_checkpoint_without_a_record_on_the_test_rows_of_its_table(
    tiny_model_folder: Path, drawn_table: pf.Sightings, tmp_path: Path
) -> None:
    forgetful = shutil.copytree(tiny_model_folder, tmp_path / "old")
    without_record(forgetful)
    found = overlap(forgetful, drawn_table)
    assert not found.is_certain
    assert found.of_vehicles == 8


def without_record(folder: Path) -> None:
    card = json.loads((folder / "card.json").read_text())
    del card["learnt"], card["files"]["learnt"]
    (folder / "card.json").write_text(json.dumps(card))


def test_a_damaged_record_is_refused(trained_on_all: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(trained_on_all, tmp_path / "copy")
    card = json.loads((copy / "card.json").read_text())
    (copy / "card.json").write_text(json.dumps({**card, "learnt": {**card["learnt"], "names": 3}}))
    with pytest.raises(CheckpointError, match=facts(str(copy), 16, 3)):
        pf.load_model(copy)
    (copy / "card.json").write_text(json.dumps({**card, "learnt": []}))
    with pytest.raises(CheckpointError, match=facts(str(copy))):
        pf.load_model(copy)


def test_stored_embeddings_know_it_from_their_model(
    trained_on_all: Path, untold: pf.Sightings, tmp_path: Path
) -> None:
    moved = Path(shutil.copytree(trained_on_all, tmp_path / "model"))
    model = pf.load_model(moved)
    embeddings, _ = model.embed(untold)
    folder = pf.save_embeddings(
        embeddings, tmp_path / "stored", model.comparison, model_path=str(moved)
    )
    assert overlap(str(folder), untold).pictures == 96
    shutil.rmtree(moved)
    found = overlap(str(folder), untold)
    assert found.record == "missing"
    assert says(found.describe(), str(moved), "not known")
    save_checkpoint(moved, read_checkpoint(trained_on_all).card, {})  # another model, there now
    assert learnt_by(pf.load_stored(folder)).state == "missing"
    pf.save_embeddings(embeddings, folder, model.comparison)
    assert overlap(str(folder), untold).record == "missing"
    pf.save_embeddings(embeddings, folder, model.comparison, model_path="color_stripes")
    assert overlap(str(folder), untold).record == "untrained"


def test_a_model_inside_is_known_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / shipped_embedder()).mkdir()  # what the current folder holds is another one
    assert learnt_at(shipped_embedder()).state == "complete"


def test_a_folder_that_is_no_model_is_not_known(tmp_path: Path) -> None:
    assert says(learnt_at(str(tmp_path)).unknown[0], str(tmp_path))


def test_pairs_that_fit_a_threshold_are_not_scored(untold: pf.Sightings) -> None:
    tested, fitted = (
        PairList(np.array(first), np.array(second), np.array([True, False]))
        for first, second in (([0, 0], [1, 9]), ([20, 20], [21, 30]))
    )
    data = DataSet("compcars", untold, pairs={"easy": tested, "train": fitted})
    plan = plan_for(pf.load_model("color_stripes"), data, "model-verification")
    assert scored_rows(plan).tolist() == [0, 1, 9]
