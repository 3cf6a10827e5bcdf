"""VehicleNet: the network, its two stages in one run, and the sources of a merged table."""

import json
import math
import runpy
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import REPOSITORY
from drawn import draw_vehicles
from messages import facts
from torch import Tensor, nn
from torch.nn import functional

from platefree.batches.samplers import BalancedSampler
from platefree.batches.training_data import training_data
from platefree.checkpoint import read_checkpoint
from platefree.data.merge import merge_tables
from platefree.data.table import read_table, write_table
from platefree.errors import RecipeError, TrainingError
from platefree.evaluation.evaluate import evaluate
from platefree.experiments.ablation import load_ablation, row_recipe
from platefree.inference.loading import load_model
from platefree.methods.base import Batch
from platefree.methods.catalogue import build_method, load_recipe, resolve
from platefree.methods.source_accuracy import SourceAccuracy
from platefree.methods.vehiclenet import VehicleNet
from platefree.nets.backbones import Backbone
from platefree.nets.heads import Average
from platefree.nets.weights import checkpoint_tensors
from platefree.recipes.recipe import Recipe
from platefree.training.loop import train
from platefree.training.stages import plan_stages, target_of
from platefree.training.step_report import StepReport
from platefree.types import Sightings
from platefree.work import Work

TINY = {
    "model.backbone": "test_resnet",
    "model.embedding_size": 24,
    "input.height": 32,
    "input.width": 32,
    "augment.pad": 2,
    "train.vehicles_per_batch": 8,
    "train.workers": 0,
    "train.precision": "32",
    "stages": [
        {"name": "I", "steps": 4},
        {"name": "II", "steps": 4, "rows": "target", "lr": 1e-3},
    ],
}


def changed(**overrides: object) -> Recipe:
    settings = {key.replace("__", "."): value for key, value in overrides.items()}
    return load_recipe("vehiclenet/city", {**TINY, **settings})


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> Sightings:
    """Three sources of drawn vehicles; ``b`` is scored, and comes neither first nor last."""
    tables = []
    for seed, (name, vehicles) in enumerate({"a": 10, "b": 12, "c": 8}.items()):
        folder = tmp_path_factory.mktemp(name)
        draw_vehicles(folder, vehicles, cameras=2, images_per_camera=2, seed=seed, size=32)
        tables.append(read_table(folder))
    return merge_tables(*tables, sources=["a", "b", "c"], target="b")


@pytest.fixture(scope="module")
def whole(merged: Sightings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of both stages that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    train(changed(train__checkpoint_steps=1), merged, folder)
    return folder


def network(vehicles: int = 5, **options: object) -> VehicleNet:
    torch.manual_seed(0)
    recipe = resolve(changed(**{f"model__{name}": value for name, value in options.items()}))
    method = build_method(recipe, {"vehicle": vehicles})
    assert isinstance(method, VehicleNet)
    return method


def batch(vehicles: int = 5) -> Batch:
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(8, 3, 32, 32, generator=generator)
    labels = torch.randint(vehicles, (8,), generator=generator)
    return Batch(images, {"vehicle": labels, "source": torch.full((8,), -1)})


def bits(folder: Path, kind: str = "weights") -> dict[str, Tensor]:
    return checkpoint_tensors(read_checkpoint(folder), kind)


def assert_same_bits(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> None:
    assert a.keys() == b.keys()
    assert [name for name in a if not torch.equal(a[name], b[name])] == []


# The network


@pytest.mark.parametrize("is_training", [False, True])
def test_the_embedding_and_the_logits_are_those_of_figure_3(*, is_training: bool) -> None:
    method = network().train(is_training)
    images = batch().images
    with torch.no_grad():
        maps = method.feature_map(images)
        pooled = torch.stack([each.flatten(1).double().mean(1) for each in maps])
        linear = pooled @ method.fc1.weight.double().T + method.fc1.bias.double()
        mean, variance = linear.mean(0), linear.var(0, unbiased=False)
        if not is_training:
            mean, variance = method.norm.running_mean.double(), method.norm.running_var.double()  # type: ignore[union-attr]
        scaled = (linear - mean) / (variance + method.norm.eps).sqrt()
        expected = scaled * method.norm.weight.double() + method.norm.bias.double()
        logits = expected @ method.fc2.weight.double().T + method.fc2.bias.double()
        found = method.embed_map(maps)["main"]
        unit = expected / expected.norm(dim=1, keepdim=True)
        torch.testing.assert_close(found.double(), unit, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(method.identify(maps).double(), logits, atol=1e-5, rtol=1e-3)
    assert method.fc1.out_features == method.norm.num_features == method.fc2.in_features == 24


def test_the_paper_has_512_dimensions_and_its_pooling_is_adaptive_average_pooling() -> None:
    for name in ("veri", "vehicleid", "cityflow", "city"):
        assert load_recipe(f"vehiclenet/{name}").model.embedding_size == 512  # type: ignore[union-attr]
    maps = torch.randn(2, 3, 5, 7)
    torch.testing.assert_close(Average()(maps), nn.AdaptiveAvgPool2d(1)(maps).flatten(1))


def test_the_loss_is_equation_4() -> None:
    method, given = network().eval(), batch()
    with torch.no_grad():
        logits = method.logits(given.images).double()
        total = 0.0
        for row, vehicle in zip(logits, given.labels["vehicle"].tolist(), strict=True):
            total -= float((row.exp() / row.exp().sum()).log()[vehicle])
        assert method.losses(given).keys() == {"identity"}
        assert float(method.losses(given)["identity"]) == pytest.approx(total / 8, rel=1e-5)


def test_a_new_classifier_leaves_all_else_bit_for_bit() -> None:
    method = network(vehicles=5)
    before = {name: tensor.clone() for name, tensor in method.state_dict().items()}
    names = [name for name, _ in method.named_parameters()]
    method.restart_classifier(3)
    after = method.state_dict()
    kept = [name for name in before if not name.startswith("fc2")]
    assert_same_bits({n: before[n] for n in kept}, {n: after[n] for n in kept})
    assert after["fc2.weight"].shape == (3, 24)
    assert after["fc2.weight"].std() < 0.003
    assert [name for name, _ in method.named_parameters()] == names  # optimizer states name places


def test_the_backbone_learns_at_its_share_of_the_rate_and_everything_once() -> None:
    method = network(backbone_rate=0.1)
    optimizer = method.optimizers(changed(train__lr=0.5).train)["main"]
    rate_of = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(rate_of)
    for name, parameter in method.named_parameters():
        expected = 0.05 if name.startswith("backbone.") else 0.5
        assert rate_of.pop(id(parameter)) == pytest.approx(expected)
    assert not rate_of


def test_dropout_is_before_the_classifier_and_only_in_training() -> None:
    method = network(dropout=0.9)
    maps = method.eval().feature_map(batch().images)
    torch.testing.assert_close(method.identify(maps), method.identify(maps))
    method.dropout.train()
    torch.testing.assert_close(method.embed_map(maps)["main"], method.embed_map(maps)["main"])
    assert not torch.equal(method.identify(maps), method.identify(maps))


@pytest.mark.parametrize("backbone", ["densenet121", "seresnext101_32x4d", "legacy_senet154"])
def test_the_backbones_of_the_paper_are_known(backbone: str) -> None:
    with torch.device("meta"):
        built = Backbone(backbone, height=64, width=64)
    assert built.channels in (1024, 2048)


@pytest.mark.parametrize(
    "backbone", ["resnet50", "densenet121", "seresnext101_32x4d", "legacy_senet154"]
)
def test_the_recipe_trains_every_backbone_of_table_vii(backbone: str) -> None:
    small = {"input.height": 64, "input.width": 64, "model.backbone": backbone}
    recipe = resolve(load_recipe("vehiclenet/cityflow", small))
    method = build_method(recipe, {"vehicle": 3})
    assert isinstance(method, VehicleNet)
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(2, 3, 64, 64, generator=generator)
    optimizer = torch.optim.SGD(method.parameters(), lr=recipe.train.lr, momentum=0.9)
    before = {name: each.detach().clone() for name, each in method.named_parameters()}
    losses = method.losses(Batch(images, {"vehicle": torch.tensor([0, 2])}))
    assert torch.isfinite(sum(losses.values(), torch.zeros(())))
    sum(losses.values(), torch.zeros(())).backward()
    optimizer.step()
    moved = {name: not torch.equal(each, before[name]) for name, each in method.named_parameters()}
    for name, each in method.named_parameters():
        assert each.grad is not None, name
        assert torch.isfinite(each.grad).all(), name
        assert moved[name] == bool((each.grad != 0).any()), name  # timm starts some norms at 0
    assert next(iter(moved.values()))  # the first convolution
    assert moved["fc2.weight"]
    assert method.feature_map(images).shape[2:] == (4, 4)  # a sixteenth: the last stride is 1


# What a stage learns from


def test_a_stage_of_the_target_numbers_its_vehicles_anew(merged: Sightings) -> None:
    recipe = changed()
    data = training_data(merged, recipe.train, target=target_of(recipe, merged))
    _, stage = recipe.staged()[1]
    own = data.of_stage(stage)
    rows, numbers = [], []
    known: list[str] = []
    for row in range(len(merged)):  # a double loop over the whole table
        if merged.split[row] == "train" and merged.source[row] == "b":
            rows.append(merged.image[row])
    for vehicle in sorted({merged.vehicle[n] for n in range(len(merged))}):
        if any(
            merged.image[n] in rows and merged.vehicle[n] == vehicle for n in range(len(merged))
        ):
            known.append(vehicle)
    for image in rows:
        numbers.append(known.index(merged.vehicle[merged.image.tolist().index(image)]))
    assert own.sightings.image.tolist() == rows
    assert own.names["vehicle"].tolist() == known
    assert own.labels["vehicle"].tolist() == numbers
    assert own.classes["vehicle"] == len(known) == 6
    assert own.classes["color"] == data.classes["color"]  # other labels keep their codes
    for name in ("color", "source", "camera"):
        named = own.names[name][own.labels[name].numpy()]
        assert named.tolist() == getattr(own.sightings, name).tolist()
    assert data.of_stage(recipe.train) is data


def test_the_stages_of_a_run_have_their_own_rows_and_classes(merged: Sightings) -> None:
    data = training_data(merged, changed().train, target="b")
    first, second = plan_stages(changed(), data)
    assert (first.start, first.stop, second.start, second.stop) == (0, 4, 4, 8)
    assert first.data.classes["vehicle"] == 10 + 6 + 8  # of b half are for tests
    assert second.data.classes["vehicle"] == 6
    assert set(second.data.sightings.source.tolist()) == {"b"}
    assert len(second.data.sightings) == 24
    largest = max(second.sampler.epoch(0, 0).ravel())
    assert largest < 24


def test_only_vehicles_of_the_target_are_held_back(merged: Sightings) -> None:
    settings = changed(train__validation=0.34).train
    data = training_data(merged, settings, target="b")
    assert set(data.validation.source.tolist()) == {"b"}
    assert len(set(data.validation.vehicle.tolist())) == 2
    assert not set(data.validation.vehicle.tolist()) & set(data.sightings.vehicle.tolist())
    without = training_data(merged, settings)
    assert set(without.validation.source.tolist()) != {"b"}


def test_some_sources_alone_can_be_learnt_from(merged: Sightings) -> None:
    data = training_data(merged, changed(train__sources=["b", "c"]).train)
    assert set(data.sightings.source.tolist()) == {"b", "c"}
    assert data.classes["vehicle"] == 6 + 8


def test_balanced_sampling_shows_every_vehicle_alike_and_naive_every_picture() -> None:
    vehicle = np.array(["few"] * 2 + ["some"] * 10 + ["many"] * 48)
    sampler = BalancedSampler(vehicle, batch_size=20)
    assert sampler.batches_per_epoch == 3
    drawn = np.concatenate([sampler.epoch(0, epoch).ravel() for epoch in range(100)])
    assert drawn.shape == (6000,)
    for name in ("few", "some", "many"):
        share = np.mean(vehicle[drawn] == name)
        assert share == pytest.approx(1 / 3, abs=0.03)
        of_name = drawn[vehicle[drawn] == name]
        counts = [np.sum(of_name == row) for row in np.flatnonzero(vehicle == name)]
        expected = 2000 / len(counts)
        assert max(counts) < expected + 6 * expected**0.5
        assert min(counts) > expected - 6 * expected**0.5
    again = BalancedSampler(vehicle, batch_size=20).epoch(0, 7)
    assert np.array_equal(again, sampler.epoch(0, 7))
    assert not np.array_equal(again, sampler.epoch(0, 8))


@pytest.mark.parametrize("sampler", ["shuffle", "identity", "balanced"])
def test_samplers_of_a_merged_table_deal_from_all_its_sources(
    merged: Sightings, sampler: str
) -> None:
    # Of identity and camera equal text in two sources is two: merging names the source in them.
    settings = changed(train__sampler=sampler, train__images_per_vehicle=2).train
    data = training_data(merged, settings)
    rows = data.sampler(settings).epoch(0, 0)
    assert rows.shape[1] == 16
    assert {*data.sightings.source[rows].ravel().tolist()} == {"a", "b", "c"}
    if sampler == "shuffle":
        assert len(np.unique(rows)) == len(data.sightings)
    if sampler == "identity":
        pairs = data.sightings.vehicle[rows].reshape(len(rows), 8, 2)
        assert (pairs[..., 0] == pairs[..., 1]).all()


# What is refused


def named(merged: Sightings, source: list[str] | str) -> Sightings:
    values = np.full(len(merged), source) if isinstance(source, str) else np.array(source)
    return replace(merged, source=values)


def test_a_target_that_is_not_known_is_refused(merged: Sightings, tmp_path: Path) -> None:
    cases: list[tuple[Sightings, dict[str, Any], tuple[str, ...]]] = [
        (named(merged, ""), {}, ("train.rows", "column 'source'", "platefree data merge")),
        (merged, {"train.target": "d"}, ("train.target is 'd'", "a, b, c")),
        (
            merged,
            {"train.sources": ["b", "x"]},
            ("train.sources", "'x'", "a, b, c", "platefree data merge"),
        ),
        (named(merged, ""), {"train.sources": ["b"]}, ("column 'source'", "platefree data merge")),
        (
            merged.take(merged.split == "train"),
            {},
            ("sources a, b, c", "none has", "train.target=NAME"),
        ),
        (
            replace(merged, split=np.full(len(merged), "")),
            {},
            ("sources a, b, c", "a, b, c have", "train.target=NAME"),
        ),
        (
            merged,
            {"train.sources": ["a", "c"]},
            ("0 known vehicles", "at least 2", "column 'vehicle'"),
        ),
    ]
    for table, settings, message in cases:
        with pytest.raises(TrainingError, match=facts(message)):
            train(load_recipe("vehiclenet/city", {**TINY, **settings}), table, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_target_is_the_source_with_tests_or_the_one_that_is_named(merged: Sightings) -> None:
    assert target_of(changed(), merged) == "b"
    assert target_of(changed(train__target="c"), merged) == "c"
    assert target_of(changed(stages=[]), named(merged, "")) == ""
    learnt = merged.take(merged.split == "train")
    assert target_of(changed(train__target="a"), learnt) == "a"
    assert target_of(changed(), named(learnt, "alone")) == "alone"


def test_methods_that_cannot_replace_their_classifier_say_so() -> None:
    stages = [{"name": "one"}, {"name": "two", "rows": "target"}]
    with pytest.raises(RecipeError, match=facts("classifier of strong_baseline", "same rows")):
        load_recipe("strong_baseline/small", {"stages": stages})
    load_recipe("strong_baseline/small", {"train.rows": "target"})  # from the start it can be


# Runs of two stages


def test_checkpoints_of_both_stages_describe_the_weights_in_them(
    merged: Sightings, whole: Path, tmp_path: Path
) -> None:
    first = train(changed(train__max_steps=4), merged, tmp_path)
    for folder, vehicles, stage in ((first.last, 24, "I"), (whole / "last", 6, "II")):
        card = read_checkpoint(folder).card
        assert card["classes"]["vehicle"] == len(bits(folder)["fc2.bias"]) == vehicles
        assert card["training"]["stage"] == stage
        model = load_model(folder, device="cpu")
        embeddings, _ = model.embed(merged.take(np.arange(4)), work=Work(workers=0))
        assert embeddings.spaces["main"].shape == (4, 24)
    assert read_checkpoint(whole / "best").card["classes"]["vehicle"] == 6
    data = read_checkpoint(whole / "best").card["data"]
    assert (data["images"], data["vehicles"]) == (40 + 24 + 32, 24)
    assert data["sources"] == {"a": 40, "b": 24, "c": 32}


def test_stage_two_keeps_all_but_the_classifier(merged: Sightings, tmp_path: Path) -> None:
    stages = [{"name": "I", "steps": 3}, {"name": "II", "steps": 1, "rows": "target"}]
    recipe = changed(stages=stages, train__max_steps=3)
    before = bits(train(recipe, merged, tmp_path).last)
    seen: list[dict[str, Tensor]] = []
    restart = VehicleNet.restart_classifier

    def spy(self: VehicleNet, classes: int) -> None:
        restart(self, classes)
        seen.append({name: tensor.clone() for name, tensor in self.state_dict().items()})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(VehicleNet, "restart_classifier", spy)
        train(changed(stages=stages), merged, tmp_path, resume=True)
    (after,) = seen
    assert after.pop("fc2.weight").shape == (6, 24)
    assert after.pop("fc2.bias").shape == (6,)
    assert_same_bits(after, {name: before[name] for name in after})


@pytest.mark.parametrize("stops", [(2,), (4,), (5,), (1, 3, 4, 6)])
def test_a_run_that_was_stopped_anywhere_gives_the_same_bits(
    merged: Sightings, whole: Path, tmp_path: Path, stops: tuple[int, ...]
) -> None:
    for stop in (*stops, 0):
        run = train(changed(train__max_steps=stop), merged, tmp_path, resume=True)
        assert run.step == (stop or 8)
    for kind in ("weights", "training"):
        assert_same_bits(bits(run.last, kind), bits(whole / "last", kind))
    assert read_checkpoint(run.last).fingerprint == read_checkpoint(whole / "last").fingerprint


def test_a_third_stage_over_all_starts_a_classifier_again(
    merged: Sightings, tmp_path: Path
) -> None:
    stages = [
        {"name": "I", "steps": 1},
        {"name": "II", "steps": 1, "rows": "target"},
        {"name": "III", "steps": 2},
    ]
    run = train(changed(stages=stages), merged, tmp_path / "whole")
    for stop in (2, 3, 0):
        cut = train(
            changed(stages=stages, train__max_steps=stop), merged, tmp_path / "cut", resume=True
        )
    assert len(bits(run.last)["fc2.bias"]) == 24
    assert_same_bits(bits(cut.last), bits(run.last))


def test_a_target_alone_has_one_classifier_for_both_stages(
    merged: Sightings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(VehicleNet, "restart_classifier", None)
    run = train(changed(train__sources=["b"]), merged, tmp_path)
    assert len(bits(run.last)["fc2.bias"]) == 6


def test_held_back_vehicles_choose_among_both_stages(merged: Sightings, tmp_path: Path) -> None:
    recipe = changed(train__validation=0.34, train__validate_epochs=1)
    run = train(recipe, merged, tmp_path)
    scores = [each["validation_map"] for each in log(tmp_path) if "validation_map" in each]
    assert run.validation_map == max(scores)
    card = read_checkpoint(run.best).card
    assert card["classes"]["vehicle"] == len(bits(run.best)["fc2.bias"])
    assert card["data"]["held_out_images"] == 8


def test_what_was_trained_is_scored_on_the_target_alone(merged: Sightings, whole: Path) -> None:
    report = evaluate(whole / "best", merged, work=Work(workers=0))
    assert "96 pictures of 24 vehicles" in report.model["trained on"]
    assert report.to_json()["tests"]
    assert 0 < report.figures()["mAP"] <= 1


def test_the_report_of_a_run_shows_its_losses_by_stage_as_figure_8(
    whole: Path, merged: Sightings
) -> None:
    report = evaluate(whole / "best", merged, work=Work(workers=0))
    assert report.history is not None
    assert [stage.name for stage in report.history.stages] == ["I", "II"]
    learns = {"I": merged.source != "", "II": merged.source == "b"}
    for stage in report.history.stages:
        pictures = int((learns[stage.name] & (merged.split == "train")).sum())
        assert stage.end == pytest.approx(4 / math.ceil(pictures / 8), abs=1e-6)  # 4 steps of 8
        reports = [each for each in log(whole) if each.get("stage") == stage.name]
        assert stage.losses["identity"].tolist() == [each["losses"]["identity"] for each in reports]
        assert "accuracy" in stage.observed
    first, second = (stage.model_at for stage in report.history.stages)
    assert first is None
    assert second == pytest.approx(report.history.stages[1].end, abs=1e-3)


# Accuracy by source


def log(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_accuracy_by_source_is_that_of_a_loop() -> None:
    random = np.random.default_rng(0)
    names = ["a", "b", "c"]
    accuracy = SourceAccuracy(names)
    steps: list[tuple[list[bool], list[int]]] = []
    for step in range(12):
        right, source = random.random(9) < 0.4, random.integers(-1, 2, 9)
        if step < 3:
            source = np.zeros(9, np.int64)
        steps.append((right.tolist(), source.tolist()))
        found = accuracy.see(torch.from_numpy(right), torch.from_numpy(source))
        expected = {}
        for name, code in {
            "accuracy": None,
            "a": 0,
            "b": 1,
            "c": 2,
            "of unknown source": -1,
        }.items():
            hits = shown = 0.0
            for age, (was_right, was_of) in enumerate(reversed(steps)):
                for each, of in zip(was_right, was_of, strict=True):
                    if code is None or of == code:
                        hits += each * 0.9**age
                        shown += 0.9**age
            if shown:
                expected["accuracy" if code is None else f"accuracy {name}"] = hits / shown
        if step < 3:
            expected = {"accuracy": expected["accuracy"]}  # of one source there is nothing to tell
        assert len(found) == 2 + len(names)  # the same in all processes
        shown = {name: float(value) for name, value in found.items() if not value.isnan()}
        assert shown == pytest.approx(expected)


def test_the_log_has_the_accuracy_of_every_source(
    merged: Sightings, whole: Path, tmp_path: Path
) -> None:
    lines = {line["step"]: line for line in log(whole) if "observed" in line}
    assert lines[4]["observed"].keys() == {"accuracy", "accuracy a", "accuracy b", "accuracy c"}
    assert lines[8]["observed"].keys() == {"accuracy"}  # stage II sees the target alone
    assert log(whole)[0]["sources"] == {"a": 40, "b": 24, "c": 32}
    partly = np.where(merged.source == "c", "", merged.source).tolist()
    seen: list[StepReport] = []
    recipe = changed(stages=[], train__steps=3)
    train(recipe, named(merged, partly), tmp_path, on_step=seen.append)
    kinds = {"accuracy", "accuracy a", "accuracy b", "accuracy of unknown source"}
    assert seen[-1].observed.keys() == kinds
    train(recipe, named(merged, ""), tmp_path / "none", on_step=seen.append)
    assert seen[-1].observed.keys() == {"accuracy"}


def test_the_accuracy_of_a_step_is_that_of_its_logits(
    merged: Sightings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[tuple[Tensor, Tensor]] = []
    cross_entropy = functional.cross_entropy

    def spy(logits: Tensor, vehicles: Tensor) -> Tensor:
        steps.append((logits.detach(), vehicles))
        return cross_entropy(logits, vehicles)

    monkeypatch.setattr(functional, "cross_entropy", spy)
    seen: list[StepReport] = []
    settings = {"train__sources": ["b"], "augment__flip": 0.0, "augment__erase": 0.0}
    recipe = changed(stages=[], train__steps=25, train__lr=5e-3, **settings)
    train(recipe, merged, tmp_path, on_step=seen.append)
    hits = shown = 0.0
    for (logits, vehicles), report in zip(steps, seen, strict=True):
        hits, shown = 0.9 * hits, 0.9 * shown
        for row, vehicle in zip(logits.tolist(), vehicles.tolist(), strict=True):
            hits += row.index(max(row)) == vehicle
            shown += 1
        assert report.observed["accuracy"] == pytest.approx(hits / shown, abs=1e-6)
    assert seen[-1].observed["accuracy"] > 0.4  # of six vehicles: the network learns


# Recipes and rows


def test_published_recipes_are_those_of_the_paper() -> None:
    for name in ("veri", "vehicleid", "cityflow"):
        recipe = load_recipe(f"vehiclenet/{name}")
        (_, first), (_, second) = recipe.staged()
        assert (first.epochs, second.epochs) == (60, 12)
        assert (first.rows, second.rows) == ("all", "target")
        assert (first.lr, second.lr, first.momentum) == (0.02, 0.02, 0.9)
        assert (first.optimizer, first.sampler, first.decay) == ("sgd", "shuffle", "step")
        assert second.decay_epochs == [8.0]
        is_large = name == "cityflow"
        assert first.decay_epochs == ([40.0, 55.0] if is_large else [40.0])
        assert first.weight_decay == (5e-4 if is_large else 1e-4)
        assert first.batch_size == second.batch_size == (24 if is_large else 36)
        assert recipe.input.height == recipe.input.width == (384 if is_large else 256)
        assert recipe.input.scales == ([1.0, 0.9, 0.8] if is_large else [1.0])
        assert recipe.input.test_time_flip == "average"


def test_published_networks_can_be_built() -> None:
    for name, width in {"veri": 2048, "cityflow": 2048}.items():
        recipe = load_recipe(f"vehiclenet/{name}")
        with torch.device("meta"):
            method = build_method(recipe, {"vehicle": 31805})
        assert isinstance(method, VehicleNet)
        assert method.fc1.in_features == width
        assert method.fc2.weight.shape == (31805, 512)


def test_rows_see_each_picture_as_often_unless_their_name_says_else() -> None:
    ablation = load_ablation("vehiclenet")
    lengths = {
        row.name: [
            (train.epochs, train.steps) for _, train in row_recipe(ablation, row, seed=0).staged()
        ]
        for row in ablation.rows
    }
    different = {"stages I and II": [(12, 0)] * 2, "all four, as few steps": [(12, 216)]}
    assert lengths == {name: [(12, 0)] for name in lengths} | different


def test_rows_train_on_a_table_of_four_sources(merged: Sightings) -> None:
    names = {"a": "cityflow", "b": "veri", "c": "compcars"}
    source = np.array([names[each] for each in merged.source.tolist()])
    last = merged.vehicle == merged.vehicle[merged.source == "a"][-1]
    table = replace(merged, source=np.where(last, "vehicleid", source))
    every = set(table.source.tolist())
    ablation = load_ablation("vehiclenet")
    for row in ablation.rows:
        recipe = row_recipe(ablation, row, seed=0)
        target = target_of(recipe, table)
        data = training_data(table, recipe.train, target=target)
        plan = plan_stages(recipe, data)
        learnt = {each for stage in plan for each in stage.data.sightings.source.tolist()}
        assert learnt == set(recipe.train.sources or every)
        assert "veri" in learnt


def test_the_example_runs(
    merged: Sightings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_table(merged, tmp_path / "merged.csv")
    main = runpy.run_path(str(REPOSITORY / "examples" / "vehiclenet.py"))["main"]
    given = ["--data", str(tmp_path / "merged.csv"), "--target", "b"]
    metrics = main([*given, "--steps", "3", "2", "--backbone", "test_resnet", "--size", "32"])
    assert 0 < metrics.mAP <= 1
    assert "rank-1" in capsys.readouterr().out
