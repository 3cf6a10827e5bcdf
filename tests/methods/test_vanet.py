"""VANet: relations of views, its losses, its distances, and the classifier inside."""

import json
import logging
import runpy
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import REPOSITORY, TINY, Run
from messages import facts
from numpy.typing import NDArray
from torch.nn import functional

import platefree as pf
from platefree.batches.training_data import TrainingData, training_data
from platefree.checkpoint import read_checkpoint
from platefree.data.dataset import DataSet
from platefree.errors import CheckpointError, DataError, RecipeError, TrainingError
from platefree.experiments.ablation import load_ablation
from platefree.experiments.ablation_run import run_ablation
from platefree.losses import (
    batch_hard_triplet,
    cross_view_triplet,
    different_view_triplet,
    same_view_triplet,
)
from platefree.methods.base import Batch
from platefree.methods.catalogue import build_method, load_recipe
from platefree.methods.vanet import VANet
from platefree.nets.branches import BranchedBackbone
from platefree.nets.weights import checkpoint_tensors
from platefree.ranking.exact import rank_exact
from platefree.ranking.view_comparison import Relations, ViewComparison, ViewRelations
from platefree.reports.saving import save_report
from platefree.training.processes import launch
from platefree.training.run_folder import flat
from platefree.training.step import FabricDescent
from platefree.types import Embeddings, Sightings

KINDS: tuple[Relations, ...] = ("none", "same-different", "pairs", "ordered-pairs")
SMALL = {key: value for key, value in TINY.items() if key != "model.last_stride"}
SMALL |= {"train.images_per_vehicle": 4}


@pytest.fixture(scope="module")
def seen_table(drawn_table: Sightings) -> Sightings:
    """The drawn vehicles face right before every other camera: a view that can be learnt."""
    camera = np.array([int(name.strip("cam")) for name in drawn_table.camera])
    return replace(drawn_table, view=np.where(camera % 2, "front", "rear"))


@pytest.fixture(scope="module")
def viewpoint(tmp_path_factory: pytest.TempPathFactory, seen_table: Sightings) -> Path:
    """A trained viewpoint model."""
    quick = {"augment.warp": 0.0, "augment.color": 0.0, "train.epochs": 10, "train.lr": 3e-3}
    changes = {"augment.flip": 0.0, "input.test_time_flip": "off", **quick}
    recipe = load_recipe("viewpoint/city", {**SMALL, **changes})
    return pf.train(recipe, seen_table, tmp_path_factory.mktemp("view")).best


def vanet_recipe(**changes: object) -> pf.Recipe:
    changed = {key.replace("__", "."): value for key, value in changes.items()}
    return load_recipe("vanet/vehicleid", {**SMALL, "input.test_time_flip": "off", **changed})


def make(kind: Relations = "same-different", views: int = 2, **options: object) -> VANet:
    torch.manual_seed(0)
    relations = ViewRelations([f"v{number}" for number in range(views)], kind)
    backbone = BranchedBackbone("test_resnet", branches=len(relations.spaces), height=32, width=32)
    return VANet(backbone, relations, vehicles=4, **options)  # type: ignore[arg-type]


def batch(views: list[int]) -> Batch:
    images = torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    vehicles = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2])
    return Batch(images, {"vehicle": vehicles, "view": torch.tensor(views)})


VIEWS = [0, 1, 1, 0, 1, -1, 0, 0]


def embeddings(
    relations: ViewRelations, n: int, seed: int, *, predicted: bool = True
) -> Embeddings:
    random = np.random.default_rng(seed)
    spaces = {}
    for name in relations.spaces:
        rows = random.standard_normal((n, 6)).astype(np.float32)
        spaces[name] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    if predicted:
        rows = random.random((n, len(relations.views))).astype(np.float32)
        spaces["view"] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    table = Sightings.from_columns(Path(), {"image": [f"{seed}-{row}.jpg" for row in range(n)]})
    return Embeddings(spaces, table, "m")


# --- relations ------------------------------------------------------------------------------


def views_of(method: VANet, embeddings: Embeddings) -> NDArray[np.int64]:
    comparison = method.comparison()
    assert isinstance(comparison, ViewComparison)
    return comparison.views(embeddings)


@pytest.mark.parametrize(
    ("kind", "views", "spaces"),
    [
        ("none", 2, 1),
        ("same-different", 2, 2),
        ("same-different", 3, 2),
        ("pairs", 2, 3),  # section 4.6: front-front, rear-rear, front/rear
        ("ordered-pairs", 2, 4),
        ("pairs", 3, 6),  # its six branches of VeRi-776
    ],
)
def test_a_relation_has_the_spaces_of_the_paper(kind: Relations, views: int, spaces: int) -> None:
    relations = ViewRelations([f"v{number}" for number in range(views)], kind)
    assert len(relations.spaces) == len(set(relations.spaces)) == spaces
    assert sorted(set(relations.branch_of.ravel().tolist())) == list(range(spaces))
    for a in range(views):
        for b in range(views):
            one, other = relations.branch_of[a, b], relations.branch_of[b, a]
            assert (one == other) == (kind != "ordered-pairs" or a == b)
            if kind == "same-different":
                assert relations.spaces[one] == ("same_view" if a == b else "different_view")
            elif kind != "none":
                assert set(relations.spaces[one].split("--")) == {f"v{a}", f"v{b}"}


@pytest.mark.parametrize(("kind", "spaces"), [("pairs", 36), ("ordered-pairs", 64)])
def test_each_pair_of_views_has_a_space_whatever_the_views_are_named(
    kind: Relations, spaces: int
) -> None:
    ends = ["front", "rear", "front_left", "front_right", "rear_left", "rear_right"]
    relations = ViewRelations([*ends, "left", "right"], kind)
    assert len(relations.spaces) == len(set(relations.spaces)) == spaces
    with pytest.raises(RecipeError, match=facts("model.views")):
        vanet_recipe(model__views=["front--left", "rear"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("views", [2, 3])
def test_distances_are_what_two_loops_compute(kind: Relations, views: int) -> None:
    method = make(kind, views)
    query, gallery = (embeddings(method.relations, n, n) for n in (7, 23))
    found = method.comparison().distances(query, gallery)
    judged = method.comparison().space_of(query, gallery)
    for row in range(7):
        for column in range(23):
            sides = [
                int(np.argmax(each.spaces["view"][place]))
                for each, place in ((query, row), (gallery, column))
            ]
            if kind == "none":
                name = "main"
                assert judged[row, column] == ""
            else:
                name = method.relations.spaces[method.relations.branch_of[sides[0], sides[1]]]
                assert judged[row, column] == name
            if kind == "same-different":
                assert name == ("same_view" if sides[0] == sides[1] else "different_view")
            expected = 1 - query.spaces[name][row] @ gallery.spaces[name][column]
            assert found[row, column] == pytest.approx(expected, abs=1e-5)


def test_a_search_merges_the_neighbours_of_both_spaces() -> None:
    method = make()
    query = embeddings(method.relations, 5, 1)
    gallery = embeddings(method.relations, 400, 2)
    ranking = rank_exact(query, gallery, 20, method.comparison())
    whole = method.comparison().distances(query, gallery)
    for row in range(5):
        expected = np.argsort(whole[row], kind="stable")[:20]
        np.testing.assert_array_equal(ranking.indices[row], expected)
        view = query.spaces["view"][row].argmax()
        same = gallery.spaces["view"].argmax(axis=1) == view
        assert same[expected].any()
        assert not same[expected].all()
        nearest = [
            (float(1 - query.spaces[name][row] @ gallery.spaces[name][column]), column)
            for column in range(400)
            for name in ["same_view" if same[column] else "different_view"]
        ]
        by_space = [column for _, column in sorted(nearest)[:20]]
        assert by_space == expected.tolist()


def test_the_known_view_can_be_used_and_the_prediction_fills_its_gaps() -> None:
    method = make(view_from="table")
    gallery = embeddings(method.relations, 40, 3)
    view = np.random.default_rng(0).choice(["v0", "v1", "", "v9"], 40)
    gallery = replace(gallery, sightings=replace(gallery.sightings, view=view))
    predicted = gallery.spaces["view"].argmax(axis=1)
    for row, number in enumerate(views_of(method, gallery).tolist()):
        known = {"v0": 0, "v1": 1}
        assert number == known.get(str(view[row]), predicted[row])
    without = embeddings(method.relations, 2, 3, predicted=False)
    with pytest.raises(
        DataError, match=facts("3-0.jpg", "column 'view'", "v0, v1", "model.viewpoint")
    ):
        method.comparison().distances(without, without)


def test_a_share_of_the_views_is_made_wrong_by_picture() -> None:
    relations = ViewRelations(["a", "b", "c"], "same-different")
    views = np.random.default_rng(0).integers(-1, 3, 4000)
    images = np.array([f"images/{row:05d}.jpg" for row in range(4000)])
    np.testing.assert_array_equal(relations.mistaken(views, images, 0.0), views)
    wrong = relations.mistaken(views, images, 0.1)
    known = views >= 0
    assert (wrong[~known] == -1).all()
    assert (wrong[known] >= 0).all()
    assert (wrong != views)[known].mean() == pytest.approx(0.1, abs=0.02)
    assert (relations.mistaken(views, images, 1.0) != views)[known].all()
    order = np.random.default_rng(1).permutation(4000)
    np.testing.assert_array_equal(
        relations.mistaken(views[order], images[order], 0.1), wrong[order]
    )
    more = relations.mistaken(views, images, 0.3)  # contains the errors of a smaller share
    assert ((more != views) >= (wrong != views)).all()


# --- losses ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_losses_are_those_of_the_integrated_matrix_and_of_every_classifier(kind: Relations) -> None:
    method = make(kind, identity_weight=0.5)
    given = batch(VIEWS)
    losses = method.losses(given)
    vectors = [maps.mean((2, 3)) for maps in method.backbone(given.images)]
    vehicles, views = given.labels["vehicle"], given.labels["view"]
    identity = sum(
        functional.cross_entropy(rows @ layer.weight.T + layer.bias, vehicles)
        for rows, layer in zip(vectors, method.classifiers, strict=True)
    )
    torch.testing.assert_close(losses["identity"], 0.5 * identity, atol=1e-4, rtol=1e-4)
    unit = [rows / rows.norm(dim=1, keepdim=True) for rows in vectors]
    if kind == "none":
        assert set(losses) == {"identity", "triplet"}
        expected = batch_hard_triplet(unit[0], vehicles, 0.5)
        torch.testing.assert_close(losses["triplet"], expected, atol=1e-4, rtol=1e-4)
        return
    integrated = torch.zeros(8, 8)
    for a in range(8):
        for b in range(8):
            branch = method.relations.branch_of[VIEWS[a], VIEWS[b]]
            integrated[a, b] = (unit[branch][a] - unit[branch][b]).norm()
    for name, term in (
        ("same_view", same_view_triplet),
        ("different_view", different_view_triplet),
        ("cross", cross_view_triplet),
    ):
        expected = term(integrated, vehicles, views, 0.5)
        assert expected > 0
        torch.testing.assert_close(losses[name], expected, atol=1e-4, rtol=1e-4)


def test_switches_take_terms_away() -> None:
    given = batch(VIEWS)
    assert set(make(within=False).losses(given)) == {"identity", "cross"}
    within = {"identity", "same_view", "different_view"}
    assert set(make(cross="none").losses(given)) == within
    assert set(make(cross="both").losses(given)) == within | {"cross", "reverse_cross"}


def test_the_former_switch_of_the_cross_term_is_still_read() -> None:
    for before, now in ((True, "published"), (False, "none")):
        assert vanet_recipe(model__cross=before).model.cross == now
    assert load_recipe("vanet/vehicleid").model.cross == "published"
    for wrong in ("sometimes", ["both"], 1):
        with pytest.raises(
            RecipeError, match=facts("model.cross", "'published', 'both' or 'none'")
        ):
            vanet_recipe(model__cross=wrong)


def test_only_the_reverse_term_sees_that_all_distances_of_one_space_are_short() -> None:
    method = make(cross="both", identity_weight=0.0)
    vehicles = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1])
    views = torch.tensor([0, 0, 1, 1, 0, 0, 1, 1])
    same, same_view = vehicles[:, None] == vehicles, views[:, None] == views
    distances = torch.where(same_view, 1.0 - 0.5 * same, 0.4 - 0.4 * same).fill_diagonal_(0.0)
    distances = torch.where(same_view & ~same, 1.2, distances)  # D-view: 0 and 0.4; S: 0.5 and 1.2
    terms = method._triplets(distances, vehicles, views)
    assert terms["cross"] == terms["same_view"] == 0.0
    assert terms["different_view"].item() == pytest.approx(0.1, abs=1e-4)
    assert terms["reverse_cross"].item() == pytest.approx(0.5 - 0.4 + 0.5, abs=1e-4)


def test_the_log_has_the_four_mean_distances(seen_table: Sightings, tmp_path: Path) -> None:
    kinds = {f"{view}-view {sign} distance" for view in "SD" for sign in ("positive", "negative")}
    seen: list[dict[str, float]] = []
    recipe = vanet_recipe(model__view_from="table", train__epochs=1)
    pf.train(recipe, seen_table, tmp_path / "run", on_step=lambda step: seen.append(step.observed))
    assert seen
    assert all(set(each) == kinds for each in seen)
    assert all(0.0 <= value <= 2.0 for each in seen for value in each.values())
    lines = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["observed"] == seen[-1]
    baseline = vanet_recipe(model__relations="none", train__max_steps=1)
    pf.train(
        baseline, seen_table, tmp_path / "base", on_step=lambda step: seen.append(step.observed)
    )
    assert seen[-1] == {}


def test_a_kind_of_pair_that_a_batch_lacks_has_no_mean_distance() -> None:
    kept: list[dict[str, float]] = []

    class Watched(FabricDescent):
        def observe(self, values: Mapping[str, torch.Tensor]) -> dict[str, float]:
            kept.append(super().observe(values))
            return kept[-1]

    method, recipe = make(), vanet_recipe()
    one_sided = batch([0] * 8)
    method.step(one_sided, Watched(launch(recipe.train, "cpu", method), method, recipe.train))
    assert set(kept[0]) == {"S-view positive distance", "S-view negative distance"}


def test_each_branch_learns_from_its_own_pairs_only() -> None:
    method = make(identity_weight=0.0)
    losses = method.losses(batch(VIEWS))
    one, other = (list(branch.parameters()) for branch in method.backbone.branches)
    for name, mine, others in (("same_view", one, other), ("different_view", other, one)):
        gradients = torch.autograd.grad(
            losses[name], [*mine, *others], retain_graph=True, materialize_grads=True
        )
        assert any((each != 0).any() for each in gradients[: len(mine)])
        assert all((each == 0).all() for each in gradients[len(mine) :])
    both = torch.autograd.grad(losses["cross"], [*one, *other])
    for mine in (both[: len(one)], both[len(one) :]):
        assert any((each != 0).any() for each in mine)


def test_batches_without_two_views_of_a_vehicle_are_reported_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    method = make()
    with caplog.at_level(logging.WARNING):
        method.losses(batch(VIEWS))
        assert not caplog.records
        for _ in range(3):
            losses = method.losses(batch([0, 0, 0, 1, 1, 1, 0, 0]))
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "seen from two views" in caplog.text
    assert losses["cross"].item() == losses["different_view"].item() == 0.0


# --- training and use -----------------------------------------------------------------------


def test_the_viewpoint_model_learns_and_labels_a_table(
    viewpoint: Path, seen_table: Sightings
) -> None:
    model = pf.load_model(viewpoint)
    unknown = replace(seen_table, view=np.full(len(seen_table), ""))
    labelled, skipped = pf.label_views(model, unknown)
    assert skipped == []
    assert (labelled.view == seen_table.view).mean() > 0.9
    half = np.where(np.arange(len(seen_table)) % 2, seen_table.view, "side")
    kept, _ = pf.label_views(model, replace(seen_table, view=half), only_unknown=True)
    np.testing.assert_array_equal(kept.view, half)
    rows = model.embed(seen_table)[0].spaces["view"]
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)


@pytest.mark.parametrize("name", ["googlenet", "xception"])
def test_the_viewpoint_classifiers_of_the_paper_learn(
    name: str, seen_table: Sightings, tmp_path: Path
) -> None:
    small = {key: SMALL[key] for key in SMALL if key.startswith(("input.", "train."))}
    steps = {**small, "train.epochs": 1, "train.max_steps": 1, "train.decay_epochs": [1.0]}
    recipe = load_recipe(f"viewpoint/{name}", {**steps, "input.height": 64, "input.width": 64})
    assert load_recipe(f"viewpoint/{name}").input.height == 224  # section 4.1
    run = pf.train(recipe, seen_table, tmp_path)
    labelled, _ = pf.label_views(pf.load_model(run.best), seen_table)
    assert set(labelled.view.tolist()) <= {"front", "rear"}


def test_a_viewpoint_model_is_scored_by_what_it_tells(
    viewpoint: Path, seen_table: Sightings, tmp_path: Path
) -> None:
    report = pf.evaluate(viewpoint, seen_table)
    assert report.protocol == "view-labels"
    scored = seen_table.take(seen_table.split != "train")
    labelled, _ = pf.label_views(pf.load_model(viewpoint), scored)
    right = labelled.view == scored.view
    figures = report.figures()
    assert figures["accuracy"] == pytest.approx(right.mean())
    for name in ("front", "rear"):
        assert figures[f"recall {name}"] == pytest.approx(right[scored.view == name].mean())
    page = save_report(report, tmp_path / "report.html").read_text("utf-8")
    assert "by what they show" in page
    (trial,) = json.loads((tmp_path / "report.json").read_text())["tests"][0]["trials"]
    assert np.array(trial["confusion"]).sum() == trial["pictures"] == len(scored)
    with pytest.raises(
        DataError, match=facts("color_stripes", "no view", "platefree train viewpoint/default")
    ):
        pf.evaluate("color_stripes", seen_table, "view-labels")


def test_held_back_pictures_choose_the_best_viewpoint_model(
    seen_table: Sightings, tmp_path: Path
) -> None:
    changes = {"train.validation": 0.4, "train.validate_epochs": 1, "train.epochs": 2}
    run = pf.train(load_recipe("viewpoint/city", {**SMALL, **changes}), seen_table, tmp_path)
    assert run.validation_map is not None
    assert 0.2 <= run.validation_map <= 1.0
    unnamed = replace(seen_table, vehicle=np.full(len(seen_table), ""))
    recipe = load_recipe("viewpoint/city", {**SMALL, **changes})
    data = training_data(unnamed, recipe.train, "view")
    assert 0 < len(data.validation) < len(data.sightings)
    with pytest.raises(
        TrainingError,
        match=facts("0 known views", "at least 2", "front, rear, side", "column 'view'"),
    ):
        training_data(replace(seen_table, view=unnamed.vehicle), recipe.train, "view")


def test_a_vanet_model_is_whole_without_its_viewpoint_model(
    viewpoint: Path, seen_table: Sightings, tmp_path: Path
) -> None:
    copied = tmp_path / "view"
    copied.mkdir()
    for file in viewpoint.iterdir():
        (copied / file.name).write_bytes(file.read_bytes())
    whole = pf.train(vanet_recipe(model__viewpoint=str(copied)), seen_table, tmp_path / "whole")
    cut = vanet_recipe(model__viewpoint=str(copied), train__max_steps=3)
    pf.train(cut, seen_table, tmp_path / "cut")
    rest = vanet_recipe(model__viewpoint=str(copied), train__max_steps=0)
    resumed = pf.train(rest, seen_table, tmp_path / "cut", resume=True)
    weights = checkpoint_tensors(read_checkpoint(whole.best), "weights")
    again = checkpoint_tensors(read_checkpoint(resumed.best), "weights")
    assert all(torch.equal(weights[name], again[name]) for name in weights)
    frozen = checkpoint_tensors(read_checkpoint(viewpoint), "weights")
    for name, tensor in frozen.items():  # batch statistics too
        assert torch.equal(weights[f"viewpoint.classifier.{name}"], tensor)
    for file in copied.iterdir():
        file.unlink()
    model = pf.load_model(whole.best)
    found, _ = model.embed(seen_table)
    assert set(found.spaces) == {"same_view", "different_view", "view"}
    told = pf.load_model(viewpoint).embed(seen_table)[0].spaces["view"]
    np.testing.assert_allclose(found.spaces["view"], told, atol=1e-4)
    pf.save_embeddings(found, tmp_path / "stored")
    stored = pf.load_embeddings(tmp_path / "stored")
    np.testing.assert_array_equal(
        model.comparison.distances(stored, stored), model.comparison.distances(found, found)
    )


def test_hits_say_which_space_compared_them(
    viewpoint: Path, seen_table: Sightings, tmp_path: Path
) -> None:
    recipe = vanet_recipe(model__viewpoint=str(viewpoint), input__test_time_flip="average")
    run = pf.train(recipe, seen_table, tmp_path / "run")
    model = pf.load_model(run.best)
    gallery, _ = model.embed(seen_table)
    view = gallery.spaces["view"].argmax(axis=1)
    hits = pf.search(model, seen_table.path(0), gallery, top=50)
    row_of = {seen_table.path(row): row for row in range(len(seen_table))}
    assert {hit.space for hit in hits} == {"same_view", "different_view"}
    for hit in hits:
        expected = "same_view" if view[row_of[hit.image]] == view[0] else "different_view"
        assert hit.space == expected
        rows = gallery.spaces[expected]
        assert hit.similarity == pytest.approx(rows[0] @ rows[row_of[hit.image]], abs=1e-4)
    same, other = (int(np.flatnonzero(view[1:] == v)[0]) + 1 for v in (view[0], 1 - view[0]))
    for row, branch in ((same, 0), (other, 1)):  # a branch that judges nothing makes no heat
        heat = pf.heat_map(model, seen_table.path(0), seen_table.path(row))
        assert heat.shape == (32, 32)
        blind = pf.load_model(run.best)
        torch.nn.init.zeros_(blind.method.backbone.branches[1 - branch][0].conv1.weight)
        unchanged = pf.heat_map(blind, seen_table.path(0), seen_table.path(row))
        np.testing.assert_allclose(heat, unchanged, atol=1e-5)
    known = pf.load_model(run.best, overrides={"model.view_from": "table"})
    assert known.fingerprint != model.fingerprint  # its similarities are others
    report = pf.evaluate(known, seen_table)
    assert report.settings["view from"] == "table"
    with pytest.raises(
        RecipeError,
        match=facts("'model.margin'", "vanet", "model.view_from, model.view_error, [post]"),
    ):
        pf.load_model(run.best, overrides={"model.margin": 1.0})
    with pytest.raises(RecipeError, match=facts("'model.stripes'", "color_stripes", "only [post]")):
        pf.load_model("color_stripes", overrides={"model.stripes": 1})


def test_views_written_beforehand_give_the_distances_of_views_predicted_in_use(
    viewpoint: Path, seen_table: Sightings, tmp_path: Path
) -> None:
    recipe = vanet_recipe(model__viewpoint=str(viewpoint), train__max_steps=1)
    run = pf.train(recipe, seen_table, tmp_path / "run")
    model = pf.load_model(run.best)
    found, _ = model.embed(seen_table)
    labelled, _ = pf.label_views(model, seen_table)  # a VANet model tells views, too
    told = pf.with_views(seen_table, run.best).table.view
    np.testing.assert_array_equal(told, labelled.view)
    known = pf.load_model(run.best, overrides={"model.view_from": "table"})
    written = replace(found, sightings=labelled)
    np.testing.assert_array_equal(
        known.comparison.distances(written, written), model.comparison.distances(found, found)
    )
    turned = replace(labelled, view=np.where(labelled.view == "front", "rear", "front"))
    other_space = known.method.comparison().space_of(replace(found, sightings=turned), found)
    assert (other_space != known.method.comparison().space_of(written, found)).all()


def prepared(table: Sightings, **changes: object) -> Callable[[], object]:
    recipe = vanet_recipe(model__view_from="table", **changes)
    relations = ViewRelations(recipe.model.views, recipe.model.relations)  # type: ignore[union-attr]
    method = make(relations.kind)
    method.relations = relations
    method.view_error = recipe.model.view_error  # type: ignore[union-attr]
    return lambda: method.prepare(training_data(table, recipe.train))


def test_a_model_is_scored_by_the_views_that_it_predicts_itself(
    viewpoint: Path, seen_table: Sightings, drawn_folder: Path, tmp_path: Path, run: Run
) -> None:
    recipe = vanet_recipe(model__viewpoint=str(viewpoint), train__max_steps=1)
    best = pf.train(recipe, seen_table, tmp_path / "run").best
    words = ("eval", best, "--data", drawn_folder, "--protocol", "views", "--json", "--no-floor")
    code, out, err = run(*words, "--views", best)
    assert code == 0, err
    found = json.loads(out)
    assert found["data"]["views"].startswith(f"predicted by {best}")
    labelled, _ = pf.label_views(pf.load_model(best), pf.read_table(drawn_folder))
    expected = pf.evaluate(best, labelled, "views").figures()
    assert found["figures"] == pytest.approx(expected, nan_ok=True)


def test_tables_that_views_cannot_be_learnt_from_are_refused(seen_table: Sightings) -> None:
    n = len(seen_table)
    unknown = replace(seen_table, view=np.full(n, ""))
    with pytest.raises(
        TrainingError, match=facts("column 'view'", "48", "platefree label", "model.relations=none")
    ):
        prepared(unknown)()
    prepared(unknown, model__relations="none")()  # the baseline needs no views
    side = replace(seen_table, view=np.where(np.arange(n) < 9, "side", seen_table.view))
    with pytest.raises(
        TrainingError,
        match=facts("column 'view'", "front, rear, side", "model.views is front, rear"),
    ):
        prepared(side)()
    number = np.array([int(name.strip("v")) for name in seen_table.vehicle])
    apart = replace(seen_table, view=np.where(number % 4 < 2, "front", "rear"))
    with pytest.raises(
        TrainingError, match=facts("no training vehicle", "two views", "model.relations=none")
    ):
        prepared(apart)()


@pytest.mark.parametrize("flips", ["augment", "input", "none"])
@pytest.mark.parametrize("name", ["viewpoint/city", "vanet/vehicleid"])
def test_mirrored_pictures_have_no_left_and_right(
    seen_table: Sightings, name: str, flips: str
) -> None:
    sides = ["rear_left", "rear_right"]
    table = replace(seen_table, view=np.where(seen_table.view == "front", *sides))
    changes = {
        "augment.flip": 0.5 if flips == "augment" else 0.0,
        "input.test_time_flip": "average" if flips == "input" else "off",
    }
    if name.startswith("vanet"):
        changes |= {"model.views": sides, "model.view_from": "table"}
    recipe = load_recipe(name, {**SMALL, **changes})
    method = build_method(recipe, {"vehicle": 4, "view": 2})
    data = training_data(table, recipe.train, recipe.model.learns)
    if flips == "none":
        method.prepare(data)
    else:
        with pytest.raises(TrainingError, match=facts(*sides, "augment.flip=0")):
            method.prepare(data)


def test_errors_of_the_view_are_learnt_from_too(seen_table: Sightings) -> None:
    right: Any = prepared(seen_table)()
    wrong: Any = prepared(seen_table, model__view_error=0.3)()
    share = (right.labels["view"] != wrong.labels["view"]).float().mean().item()
    assert 0.1 < share < 0.5


def test_figure_4_is_trained_again_with_every_fraction_of_wrong_views(
    seen_table: Sightings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learnt_from: list[float] = []
    prepare = VANet.prepare

    def watched(method: VANet, data: TrainingData) -> TrainingData:
        prepared = prepare(method, data)
        learnt_from.append((prepared.labels["view"] != data.labels["view"]).float().mean().item())
        return prepared

    monkeypatch.setattr(VANet, "prepare", watched)
    ablation = load_ablation("vanet-wrong-views")
    fractions = [flat(row.set).get("model.view_error", 0.0) for row in ablation.rows]
    assert fractions == [0.0, 0.0, 0.05, 0.1, 0.2, 0.3]
    changes = {**ablation.set, **SMALL, "train.epochs": 1}
    rows = [ablation.rows[place] for place in (1, 5)]
    quick = ablation.model_copy(update={"set": changes, "rows": rows})
    run_ablation(quick, DataSet("table", seen_table), tmp_path, seeds=(0,))
    assert learnt_from == [0.0, pytest.approx(0.3, abs=0.15)]
    assert learnt_from[1] > 0
    for folder, fraction in (("no-view-wrong", 0.0), ("30-wrong", 0.3)):
        used = pf.load_model(tmp_path / folder / "seed-0" / "best").comparison
        assert isinstance(used, ViewComparison)
        assert used.view_error == fraction


def test_viewpoint_models_that_do_not_fit_are_refused(
    viewpoint: Path, seen_table: Sightings, tiny_model_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(
        RecipeError,
        match=facts(
            "model.viewpoint", "platefree train viewpoint/default", "model.view_from=table"
        ),
    ):
        pf.train(vanet_recipe(), seen_table, tmp_path / "run")
    with pytest.raises(
        CheckpointError,
        match=facts(
            "model.viewpoint", "strong_baseline model", "platefree train viewpoint/default"
        ),
    ):
        pf.train(
            vanet_recipe(model__viewpoint=str(tiny_model_folder)), seen_table, tmp_path / "run"
        )
    again = tmp_path / "again"
    shutil.copytree(viewpoint, again)
    recipe = vanet_recipe(model__viewpoint=str(again), train__max_steps=1)
    pf.train(recipe, seen_table, tmp_path / "old")
    other = load_recipe("viewpoint/city", {**SMALL, "train.max_steps": 1, "train.seed": 7})
    shutil.copytree(pf.train(other, seen_table, tmp_path / "other").best, again, dirs_exist_ok=True)
    with pytest.raises(CheckpointError, match=facts("another recipe", "model.inside.fingerprint")):
        pf.train(recipe, seen_table, tmp_path / "old", resume=True)
    three = {"model__views": ["front", "rear", "side"], "model__viewpoint": str(viewpoint)}
    with pytest.raises(
        RecipeError, match=facts("predicts front, rear", "model.views is front, rear, side")
    ):
        pf.train(vanet_recipe(**three), seen_table, tmp_path / "run")
    with pytest.raises(RecipeError, match=facts("model.views", "'front', 'front'")):
        vanet_recipe(model__views=["front", "front"])
    assert not (tmp_path / "run").exists()


def test_the_example_trains_and_scores(seen_table: Sightings, tmp_path: Path) -> None:
    pf.write_table(seen_table, tmp_path / "seen.csv")
    example = runpy.run_path(str(REPOSITORY / "examples" / "vanet.py"))
    small = ["--backbone", "test_resnet", "--size", "32", "--steps", "3"]
    metrics = example["main"](["--data", str(tmp_path / "seen.csv"), *small])
    assert metrics.valid.all()
    assert 0 < metrics.mAP < 1
