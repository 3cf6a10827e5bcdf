import json
import runpy
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import REPOSITORY, TINY_DRDL
from messages import facts
from ready import run_as_torchrun, start
from safetensors.torch import save_file
from torch.nn import functional

from platefree.batches.training_data import training_data
from platefree.checkpoint import read_checkpoint
from platefree.data.table import write_table
from platefree.errors import CheckpointError, RecipeError, TrainingError
from platefree.experiments.ablation import load_ablation, row_recipe
from platefree.inference.loading import load_model
from platefree.losses import coupled_clusters, set_triplets
from platefree.methods.base import Batch
from platefree.methods.catalogue import build_method, load_recipe, resolve
from platefree.methods.drdl import Drdl
from platefree.nets.backbones import Backbone
from platefree.nets.weights import checkpoint_tensors
from platefree.recipes.recipe import Recipe
from platefree.training.loop import train
from platefree.types import Sightings


def changed(**overrides: object) -> Recipe:
    settings = {key.replace("__", "."): value for key, value in overrides.items()}
    return load_recipe("drdl/city", {**TINY_DRDL, **settings})


@pytest.fixture(scope="module")
def with_models(drawn_table: Sightings) -> Sightings:
    """The drawn vehicles, half of them with a model."""
    pairs = zip(drawn_table.type.tolist(), drawn_table.color.tolist(), strict=True)
    known = np.array([vehicle[-1] in "024" for vehicle in drawn_table.vehicle.tolist()])
    model = np.where(known, [f"{type_} {color}" for type_, color in pairs], "")
    return replace(drawn_table, model=model)


def network(**options: object) -> Drdl:
    torch.manual_seed(0)
    recipe = resolve(changed(**{f"model__{name}": value for name, value in options.items()}))
    method = build_method(recipe, {"model": 3, "make": 2})
    assert isinstance(method, Drdl)
    return method.eval()  # fixed norms, no dropout


def batch(models: list[int] | None = None) -> Batch:
    """Two pairs of sets of 3 + 2 pictures."""
    generator = torch.Generator().manual_seed(2)
    images = torch.randn(10, 3, 32, 32, generator=generator)
    images += 3 * torch.randn(10, 3, 1, 1, generator=generator)  # or their vectors lie together
    models = models or [0, 0, 0, 1, 2, 1, 1, 1, -1, 0]
    return Batch(images, {"model": torch.tensor(models)})


def by_hand(method: Drdl, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """fc7_2, fc8 and the logits of figure 6, layer by layer; no norm, no dropout."""

    def layer(name: str, rows: torch.Tensor) -> torch.Tensor:
        weight, bias = (method.state_dict()[f"{name}.{part}"] for part in ("weight", "bias"))
        return rows @ weight.T + bias

    fc6 = layer("fc6", method.backbone(images).mean((2, 3))).clamp(min=0)
    fc7_1, fc7_2 = layer("head.fc7_1", fc6).clamp(min=0), layer("head.fc7_2", fc6)
    fc8 = layer("head.fc8", torch.cat([fc7_1, fc7_2.clamp(min=0)], dim=1))
    return fc7_2, fc8, layer("head.classifier", fc7_1)


def test_the_losses_are_those_of_figure_6_with_the_weights_of_section_3_4() -> None:
    method = network(norm="none")
    losses = method.losses(batch())
    branch, mixed, logits = by_hand(method, batch().images)

    def clusters(rows: torch.Tensor) -> torch.Tensor:
        unit = rows / rows.norm(dim=1, keepdim=True)
        positives = torch.stack([unit[0:3], unit[5:8]])
        return coupled_clusters(positives, torch.stack([unit[3:5], unit[8:10]]), 1.0)

    models = batch().labels["model"]
    pairs = zip(logits, models, strict=True)
    terms = [-functional.log_softmax(row, 0)[model] for row, model in pairs if model >= 0]
    expected = {
        "embedding": 1.0 * clusters(mixed),
        "branch": 0.5 * clusters(branch),
        "model": 0.5 * sum(terms) / 9,
    }
    assert losses.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value, atol=1e-5, rtol=1e-4)


def test_pictures_without_a_model_take_part_in_the_metric_losses_only() -> None:
    method = network()
    known, some = method.losses(batch([0] * 10)), method.losses(batch([0] * 5 + [-1] * 5))
    none = method.losses(batch([-1] * 10))
    for name in ("embedding", "branch"):
        assert known[name] == some[name] == none[name]
    assert none["model"].item() == 0.0
    none["model"].backward()  # type: ignore[no-untyped-call]
    gradients = [parameter.grad for parameter in method.parameters()]
    assert all(each is None or not each.any() for each in gradients)


@pytest.mark.parametrize(
    ("loss", "function"), [("coupled", coupled_clusters), ("triplet", set_triplets)]
)
def test_a_single_branch_has_one_metric_loss(loss: str, function: object) -> None:
    method = network(structure="single", loss=loss, margin=0.7)
    rows = method.embed(batch().images)["main"].reshape(2, 5, -1)
    assert callable(function)
    losses = method.losses(batch())
    assert losses.keys() == {"embedding"}
    torch.testing.assert_close(losses["embedding"], function(rows[:, :3], rows[:, 3:], 0.7))
    assert not {"fc7_1", "fc8", "classifier"} & {name for name, _ in method.head.named_children()}


def test_the_centre_is_in_the_gradient_only_on_request() -> None:
    gradients, expected = {}, {}
    for kind in ("constant", "learnt"):
        method = network(structure="single", **({"centre": kind} if kind == "learnt" else {}))
        method.losses(batch())["embedding"].backward()  # type: ignore[no-untyped-call]
        assert isinstance(method.fc6.weight.grad, torch.Tensor)
        gradients[kind] = method.fc6.weight.grad.clone()
        method.zero_grad()
        rows = method.embed(batch().images)["main"].reshape(2, 5, -1)
        coupled_clusters(rows[:, :3], rows[:, 3:], 1.0, centre=kind).backward()  # type: ignore[no-untyped-call]
        expected[kind] = method.fc6.weight.grad
        torch.testing.assert_close(gradients[kind], expected[kind])
    assert not torch.allclose(gradients["constant"], gradients["learnt"], rtol=1e-3)


def test_embeddings_are_unit_rows_of_fc8_that_do_not_depend_on_the_batch() -> None:
    method = network(norm="none")
    with torch.inference_mode():
        together = method.embed(batch().images)["main"]
        alone = torch.cat([method.embed(image[None])["main"] for image in batch().images])
        fc8 = by_hand(method, batch().images)[1]
    torch.testing.assert_close(together.norm(dim=1), torch.ones(10))
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(together, functional.normalize(fc8), atol=1e-5, rtol=1e-5)


def test_a_batch_that_is_not_whole_pairs_of_sets_is_refused() -> None:
    images = torch.zeros(9, 3, 32, 32)
    with pytest.raises(TrainingError, match=facts("9 pictures", "3 + 2", "train.sampler=sets")):
        network().losses(Batch(images, {"model": torch.zeros(9, dtype=torch.int64)}))


def test_another_sampler_is_refused_before_anything_starts() -> None:
    with pytest.raises(RecipeError, match=facts("drdl", 'train.sampler = "sets"')):
        changed(train__sampler="identity")


# --- the published network --------------------------------------------------------------------


def test_vgg_cnn_m_1024_has_the_sizes_that_were_published() -> None:
    recipe = resolve(load_recipe("drdl/vehicleid", {"model.structure": "single"}))
    with torch.device("meta"):  # sizes without numbers
        method = build_method(recipe, {"model": 250})
        assert method.feature_map(torch.zeros(1, 3, 224, 224)).shape == (1, 512, 6, 6)
    convolutions = [(3, 96, 7), (96, 256, 5), (256, 512, 3), (512, 512, 3), (512, 512, 3)]
    expected = sum(a * b * k * k + b for a, b, k in convolutions)
    expected += 512 * 6 * 6 * 4096 + 4096  # fc6
    expected += 4096 * 1024 + 1024  # fc7
    assert expected == 86_225_536
    assert sum(parameter.numel() for parameter in method.parameters()) == expected


def test_its_local_response_normalisation_is_that_of_caffe() -> None:
    maps = torch.randn(1, 9, 2, 2, generator=torch.Generator().manual_seed(3)) * 20
    found = Backbone("vgg_cnn_m_1024", height=64, width=64).network.norm(maps)  # type: ignore[operator]
    for channel in range(9):
        near = maps[0, max(0, channel - 2) : channel + 3]
        scale = 2.0 + 5e-4 / 5 * near.square().sum(0)
        torch.testing.assert_close(found[0, channel], maps[0, channel] / scale**0.75)


def small_vgg(weights: str = "none", **options: object) -> Drdl:
    options |= {"backbone": "vgg_cnn_m_1024", "pooling": "flatten", "weights": weights}
    settings = {f"model__{name}": value for name, value in options.items()}
    recipe = resolve(changed(input__height=64, input__width=64, **settings))
    method = build_method(recipe, {"model": 3})
    assert isinstance(method, Drdl)
    return method


def test_both_branches_start_from_the_published_fc7(tmp_path: Path) -> None:
    source = small_vgg(structure="single")
    tensors = {f"{name}": value for name, value in source.backbone.network.state_dict().items()}
    for name, layer in (("fc6", source.fc6), ("fc7", source.head.fc7)):
        tensors |= {f"{name}.{part}": value for part, value in layer.state_dict().items()}  # type: ignore[union-attr]
    save_file(tensors | {"fc8.weight": torch.zeros(1000, 16)}, tmp_path / "vgg.safetensors")
    mixed = small_vgg(str(tmp_path / "vgg.safetensors")).state_dict()
    assert torch.equal(mixed["backbone.network.conv3.weight"], tensors["conv3.weight"])
    assert torch.equal(mixed["fc6.weight"], tensors["fc6.weight"])
    for branch in ("fc7_1", "fc7_2"):
        assert torch.equal(mixed[f"head.{branch}.weight"], tensors["fc7.weight"])
    with pytest.raises(
        TrainingError, match=facts("fc6.weight", "(24, 512)", "(8, 512)", "model.shared_size")
    ):
        small_vgg(str(tmp_path / "vgg.safetensors"), shared_size=8)


# --- training ---------------------------------------------------------------------------------


def test_models_that_nobody_knows_are_refused_before_a_run_folder_is_made(
    drawn_table: Sightings, with_models: Sightings, tmp_path: Path
) -> None:
    with pytest.raises(
        TrainingError, match=facts("0 values", "column 'model'", "model.structure=single")
    ):
        train(changed(), drawn_table, tmp_path / "run")
    with pytest.raises(
        TrainingError, match=facts("0 values", "column 'make'", "model.structure=single")
    ):
        train(changed(model__softmax="make"), with_models, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    single = changed(model__structure="single", train__steps=1)
    assert train(single, drawn_table, tmp_path / "run").step == 1


@pytest.mark.slow
@pytest.mark.parametrize("row", [{}, {"structure": "single", "loss": "triplet"}])
def test_every_row_of_the_ablation_learns(
    row: dict[str, object], with_models: Sightings, tmp_path: Path
) -> None:
    seen = []
    options = {f"model__{name}": value for name, value in row.items()}
    recipe = changed(train__steps=150, train__lr=1e-3, train__decay="constant", **options)
    train(recipe, with_models, tmp_path, on_step=lambda report: seen.append(report.losses))
    for name in seen[0]:
        first, last = (np.mean([each[name] for each in part]) for part in (seen[:8], seen[-8:]))
        assert last < 0.9 * first, (name, first, last)


def test_the_rows_of_the_ablation_see_as_many_pictures_in_as_many_steps() -> None:
    ablation = load_ablation("drdl")
    budgets = [row_recipe(ablation, row, seed=0).train for row in ablation.rows]
    assert {(train.steps, train.batch_size, train.lr) for train in budgets} == {(300, 60, 3e-3)}
    first = budgets[0]
    assert (first.positives_per_set, first.negatives_per_set) == (2, 1)  # triplets of section 3.1


CHILD = """
import json, os, signal, sys
from platefree.methods.catalogue import load_recipe
from platefree.training.loop import train

overrides, data, out, last = json.loads(sys.argv[1])

def die(report):
    if report.step == last:
        os.kill(os.getpid(), signal.SIGKILL)

train(load_recipe("drdl/city", overrides), data, out, resume=True, on_step=die)
"""


@pytest.mark.slow
def test_killed_and_resumed_gives_the_same_bits(with_models: Sightings, tmp_path: Path) -> None:
    table, out = tmp_path / "photos.csv", tmp_path / "killed"
    write_table(with_models, table)
    settings = {**TINY_DRDL, "model.dropout": 0.3, "train.checkpoint_steps": 2}
    arguments = json.dumps([settings, str(table), str(out), 3])
    assert start(CHILD, arguments).end()[0] == -signal.SIGKILL
    assert read_checkpoint(out / "last").card["step"] == 2
    resumed = train(load_recipe("drdl/city", settings), table, out, resume=True)
    whole = train(load_recipe("drdl/city", settings), table, tmp_path / "whole")
    for kind in ("weights", "training"):
        ours = checkpoint_tensors(read_checkpoint(resumed.last), kind)
        theirs = checkpoint_tensors(read_checkpoint(whole.last), kind)
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_run_is_not_resumed_with_other_models(with_models: Sightings, tmp_path: Path) -> None:
    train(changed(train__max_steps=1), with_models, tmp_path)
    more = replace(with_models, model=with_models.model + with_models.vehicle)
    with pytest.raises(
        CheckpointError, match=facts("another table", with_models.fingerprint(), more.fingerprint())
    ):
        train(changed(), more, tmp_path, resume=True)
    card = tmp_path / "best" / "card.json"
    content = json.loads(card.read_text())
    content["classes"]["model"] += 1
    card.write_text(json.dumps(content))
    with pytest.raises(
        CheckpointError, match=facts("best", "2 of another shape", "head.classifier.bias")
    ):
        load_model(tmp_path / "best")


def test_the_rate_drops_by_0_7_every_8000_steps() -> None:
    from platefree.training.rates import rate_factor

    settings = load_recipe("drdl/vehicleid").train
    factors = [settings.lr * rate_factor(step, 1746, settings) for step in (0, 7999, 8000, 16_000)]
    assert factors == pytest.approx([0.01, 0.01, 0.007, 0.0049])


def test_a_recipe_may_learn_models_as_identities(with_models: Sightings) -> None:
    data = training_data(with_models, changed(train__identity="model").train)
    known = with_models.model[(with_models.split == "train") & (with_models.model != "")]
    assert data.names["vehicle"].tolist() == sorted(set(known.tolist()))
    assert len(data.sightings) == len(known)
    assert torch.equal(data.labels["vehicle"], data.labels["model"])


def test_models_are_told_apart_with_or_without_their_years(with_models: Sightings) -> None:
    years = np.array([str(2010 + int(vehicle[-1]) // 2) for vehicle in with_models.vehicle])
    table = replace(with_models, model_year=years)
    rows = (table.split == "train") & (table.model != "")
    models = table.model[rows].tolist()
    both = {f"{model} {year}" for model, year in zip(models, years[rows], strict=True)}
    assert len(both) > len(set(models))
    for identity, expected in (("model", set(models)), ("model_year", both)):
        data = training_data(table, changed(train__identity=identity).train)
        assert data.names["vehicle"].tolist() == sorted(expected)
        assert data.names["model"].tolist() == sorted(set(models))


TWO = """
import json, sys
from platefree.methods.catalogue import load_recipe
from platefree.training.loop import train
overrides, data, out = json.loads(sys.argv[1])
train(load_recipe("drdl/city", overrides), data, out)
"""


def test_the_example_trains_and_scores(with_models: Sightings, tmp_path: Path) -> None:
    write_table(with_models, tmp_path / "photos.csv")
    example = runpy.run_path(str(REPOSITORY / "examples" / "drdl.py"))
    small = ["--backbone", "test_resnet", "--size", "32", "--steps", "2"]
    metrics = example["main"](["--data", str(tmp_path / "photos.csv"), *small])
    assert metrics.valid.all()
    assert 0 < metrics.mAP < 1


@pytest.mark.slow
def test_two_processes_take_the_steps_of_one(with_models: Sightings, tmp_path: Path) -> None:
    # Layer norms, so that nothing depends on how a batch is shared.
    settings = {**TINY_DRDL, "model.backbone": "test_vit", "model.norm": "none", "train.steps": 3}
    settings |= {"train.optimizer": "sgd", "train.clip_norm": 0.0, "augment.flip": 0.0}
    table = tmp_path / "photos.csv"
    write_table(with_models, table)
    arguments = json.dumps([settings, str(table), str(tmp_path / "two")])
    run_as_torchrun(TWO, arguments)
    one = train(load_recipe("drdl/city", settings), table, tmp_path / "one")
    ours = checkpoint_tensors(read_checkpoint(one.best), "weights")
    theirs = checkpoint_tensors(read_checkpoint(tmp_path / "two" / "best"), "weights")
    for name in ours:
        torch.testing.assert_close(ours[name], theirs[name], atol=1e-5, rtol=1e-4, msg=name)
