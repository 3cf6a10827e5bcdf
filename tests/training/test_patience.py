"""A stage ends, or its learning rate falls, where the score on held-out vehicles stays."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import TINY
from messages import facts
from torch.nn.functional import normalize

from platefree.checkpoint import read_checkpoint
from platefree.data.part_boxes import PictureBoxes
from platefree.errors import CheckpointError, NonFiniteLoss, RecipeError, TrainingError
from platefree.evaluation.part_precision import part_precision
from platefree.evaluation.score import mean_average_precision
from platefree.methods.catalogue import load_recipe
from platefree.methods.strong_baseline import StrongBaseline
from platefree.nets.weights import checkpoint_tensors
from platefree.ranking.comparison import ONLY_SPACE
from platefree.recipes.recipe import Recipe
from platefree.training import loop
from platefree.training.held_out import check_held_out
from platefree.training.loop import train
from platefree.training.patience import Waiting
from platefree.training.rates import rate_factor
from platefree.training.step_report import StepReport
from platefree.types import Embeddings, Sightings


def patient(**changes: object) -> Recipe:
    settings = {key.replace("__", "."): value for key, value in changes.items()}
    held = {"train.validation": 0.4, "train.validate_epochs": 1, "train.patience": 2}
    shared = {**TINY, **held, "train.epochs": 9, "train.warmup_epochs": 0.0}
    return load_recipe("strong_baseline/demo", {**shared, **settings})


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return checkpoint_tensors(read_checkpoint(folder), "weights")


def by_hand(scores: Sequence[float], patience: int, falls: int) -> tuple[int, list[int]]:
    """The epoch after which learning ends, and those after which the rate falls."""
    fallen: list[int] = []
    for epoch in range(1, len(scores) + 1):
        first_of_highest = 1 + scores.index(max(scores[:epoch]))
        waited = epoch - max([first_of_highest, *fallen])
        if waited >= patience and len(fallen) < falls:
            fallen.append(epoch)
        elif waited >= patience:
            return epoch, fallen
    return len(scores), fallen


@pytest.mark.parametrize("falls", [0, 1, 3])
@pytest.mark.parametrize("patience", [1, 2, 5])
def test_the_end_and_the_falls_are_those_of_counting_by_hand(patience: int, falls: int) -> None:
    decay = "plateau" if falls else "constant"
    settings = patient(train__patience=patience, train__decay=decay, train__decay_times=falls)
    random = np.random.default_rng(patience)
    for _ in range(20):
        scores = [round(value, 1) for value in random.random(30) * np.linspace(0.3, 1, 30)]
        waiting, fallen, epoch = Waiting(), list[int](), 0
        while epoch < len(scores) and not waiting.over:
            epoch += 1
            before = waiting.falls
            waiting = waiting.after(scores[epoch - 1], 7 * epoch, 7, settings.train)
            fallen += [epoch] * (waiting.falls - before)
        assert (epoch, fallen) == by_hand(scores, patience, falls)
        assert Waiting.from_json(waiting.to_json()) == waiting


def test_a_plateau_lowers_the_rate_after_the_warm_up() -> None:
    settings = patient(train__decay="plateau", train__decay_factor=0.2, train__warmup_epochs=2.0)
    assert [rate_factor(s, 5, settings.train, 2) for s in (10, 400)] == pytest.approx([0.04] * 2)
    assert rate_factor(10, 5, settings.train) == 1.0


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The scores of the validations to come, by the number of weights' updates so far."""
    scores: list[float] = []

    def score(model: object, *_: object) -> float:
        return scores[epochs_done[0]]

    epochs_done = [0]

    def counting(trainer: loop.Trainer, *rest: object) -> None:
        epochs_done[0] = trainer.step // trainer.plan[0].sampler.batches_per_epoch - 1
        validate(trainer, *rest)  # type: ignore[arg-type]

    validate = loop.Trainer._validate
    monkeypatch.setattr(loop.Trainer, "_validate", counting)
    monkeypatch.setattr(loop, "held_out_score", score)
    return scores


def test_a_run_ends_where_its_score_stays_and_is_finished(
    drawn_table: Sightings, tmp_path: Path, scripted: list[float]
) -> None:
    scripted += [0.1, 0.3, 0.2, 0.3, 0.9, 0.9, 0.9, 0.9, 0.9]
    run = train(patient(), drawn_table, tmp_path / "whole")
    per_epoch = run.total // 4
    assert (run.step, run.total) == (4 * per_epoch, 4 * per_epoch)
    assert run.validation_map == 0.3
    best, last = (read_checkpoint(folder).card for folder in (run.best, run.last))
    assert best["step"] == 2 * per_epoch
    assert last["ended"] == {"main": 4 * per_epoch}
    steps: list[StepReport] = []
    again = train(patient(), drawn_table, tmp_path / "whole", resume=True, on_step=steps.append)
    assert (again.step, steps) == (run.step, [])
    for longer in ({"train__epochs": 20}, {"train__patience": 5}):
        with pytest.raises(CheckpointError, match=facts("train.patience ended main", "longer")):
            train(patient(**longer), drawn_table, tmp_path / "whole", resume=True)


def test_a_state_to_go_on_from_is_as_recent_as_asked_though_every_validation_is_the_best(
    drawn_table: Sightings,
    tmp_path: Path,
    scripted: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scripted += [0.1 * epoch for epoch in range(1, 10)]
    now = [0.0]  # in seconds; a step takes a minute
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: now[0]))
    ages: list[int] = []

    def after_step(report: StepReport) -> None:
        if report.step > 6:
            ages.append(report.step - read_checkpoint(tmp_path / "last").card["step"])
        now[0] += 60.0

    run = train(patient(train__checkpoint_minutes=6.0), drawn_table, tmp_path, on_step=after_step)
    assert run.total // 9 < 6, "a validation comes before a checkpoint is due"
    assert max(ages) <= 6


def test_a_run_that_is_cut_anywhere_ends_at_the_same_step(
    drawn_table: Sightings, tmp_path: Path, scripted: list[float]
) -> None:
    scripted += [0.3, 0.2, 0.1, 0.4, 0.2, 0.2, 0.4, 0.2, 0.2]
    plateau: dict[str, object] = {"train__decay": "plateau", "train__decay_times": 1}
    rates: dict[int, float] = {}
    whole = train(
        patient(**plateau),
        drawn_table,
        tmp_path / "whole",
        on_step=lambda report: rates.update({report.step: report.rate}),
    )
    per_epoch = whole.total // 6
    assert whole.step == 6 * per_epoch  # the rate falls after 3, and 4 is the highest
    rate = patient().train.lr
    expected = [rate if epoch < 3 else rate / 10 for epoch in range(6)]
    assert [rates[1 + epoch * per_epoch] for epoch in range(6)] == pytest.approx(expected)
    for stop in (*range(2, 6 * per_epoch, 3), 0):
        run = train(
            patient(**plateau, train__max_steps=stop), drawn_table, tmp_path / "cut", resume=True
        )
    assert run.step == whole.step
    for kind in ("best", "last"):
        one, other = weights(tmp_path / "whole" / kind), weights(tmp_path / "cut" / kind)
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_next_stage_begins_where_patience_ended_one(
    drawn_table: Sightings, tmp_path: Path, scripted: list[float]
) -> None:
    stages = [{"name": "first", "epochs": 5}, {"name": "second", "epochs": 3, "patience": 0}]
    scripted += [0.5, 0.4, 0.3, 0.2, 0.2, 0.2, 0.2]
    run = train(patient(stages=stages), drawn_table, tmp_path / "whole")
    per_epoch = run.total // 6
    assert read_checkpoint(run.last).card["ended"] == {"first": 3 * per_epoch}
    assert run.step == 6 * per_epoch
    first, second = run.history().stages
    assert (first.end, second.end) == (3, 3)
    for stop in (3 * per_epoch, 3 * per_epoch + 1, 0):
        cut = train(
            patient(stages=stages, train__max_steps=stop),
            drawn_table,
            tmp_path / "cut",
            resume=True,
        )
    assert cut.step == run.step
    one, other = weights(run.last), weights(cut.last)
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"train__validation": 0.0}, ("train.patience", "2", "train.validation")),
        ({"train__decay": "plateau", "train__patience": 0}, ("plateau", "train.patience")),
        (
            {
                "train__validation": 0.0,
                "train__patience": 0,
                "stages": [{"name": "first", "epochs": 2, "patience": 3}],
            },
            ("stage first", "train.patience", "3", "train.validation"),
        ),
        (
            {
                "train__sampler": "shuffle",
                "train__images_per_vehicle": 1,
                "stages": [{"name": "first", "epochs": 2, "sampler": "identity"}],
            },
            ("stage first", "train.images_per_vehicle"),
        ),
    ],
)
def test_patience_without_scores_is_refused(
    changes: dict[str, object], said: tuple[str, ...]
) -> None:
    with pytest.raises(RecipeError, match=facts(said)):
        patient(**changes)


def rows_of(vehicles: Sequence[str], cameras: Sequence[str]) -> Sightings:
    images = [f"{row}.jpg" for row in range(len(vehicles))]
    columns = {"image": images, "vehicle": list(vehicles), "camera": list(cameras)}
    return Sightings.from_columns(Path("/pictures"), columns)


@pytest.mark.parametrize("seed", range(30))
def test_held_out_pictures_are_refused_where_no_search_has_a_match(seed: int) -> None:
    random = np.random.default_rng(seed)
    vehicles = random.choice(["a", "b", "c", "d", "e", "f", "g", "h"], 5 + seed % 6)
    cameras = random.choice(["gate", "ramp", ""][: 1 + seed % 3], len(vehicles))
    held = rows_of(vehicles.tolist(), cameras.tolist())
    data = SimpleNamespace(validation=held, learns="vehicle")
    unit = normalize(torch.randn(len(held), 4)).numpy()
    if len(set(vehicles.tolist())) > 1 and mean_average_precision(
        Embeddings({"main": unit}, held, "any"), ONLY_SPACE
    ):
        check_held_out(data, 0.1)  # type: ignore[arg-type]
        return
    with pytest.raises(TrainingError, match=facts("train.validation", "0.1", f"{len(held)}")):
        check_held_out(data, 0.1)  # type: ignore[arg-type]


def test_pictures_that_cannot_be_scored_are_refused_before_training(
    drawn_table: Sightings, tmp_path: Path
) -> None:
    one = replace(drawn_table, camera=np.full(len(drawn_table), "gate", object))
    for table, fraction in ((one, 0.4), (drawn_table, 0.01)):
        with pytest.raises(TrainingError, match=facts("train.validation", f"{fraction:g}")):
            train(patient(train__validation=fraction), table, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("boxes", [0, 1, 3])
def test_held_out_pictures_without_a_box_of_a_part_are_refused(boxes: int) -> None:
    held = rows_of(["a", "a", "b"], ["", "", ""])
    row = np.arange(boxes)
    truth = PictureBoxes(np.ones(3, bool), row, 0 * row, np.ones((boxes, 4)), np.ones(boxes))
    data = SimpleNamespace(validation=held, learns="parts", validation_boxes=truth)
    if boxes:
        assert not np.isnan(part_precision(truth, truth).mean)
        check_held_out(data, 0.1)  # type: ignore[arg-type]
        return
    with pytest.raises(TrainingError, match=facts("train.validation", "0.1", "3 pictures", "box")):
        check_held_out(data, 0.1)  # type: ignore[arg-type]


@pytest.mark.parametrize("score", [np.nan, np.inf])
def test_a_score_that_is_no_number_is_never_the_best(
    score: float, drawn_table: Sightings, tmp_path: Path, scripted: list[float]
) -> None:
    scripted += [0.5, score, 0.6]
    with pytest.raises(NonFiniteLoss, match=facts("held-out", f"{score}", "train.lr")):
        train(patient(), drawn_table, tmp_path)
    assert read_checkpoint(tmp_path / "best").card["best_map"] == 0.5


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_embeddings_of_a_diverged_training_end_it_with_advice(
    value: float, drawn_table: Sightings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverged(self: StrongBaseline, images: torch.Tensor, *_: object) -> dict[str, torch.Tensor]:
        return {"main": torch.full((len(images), 8), value)}

    monkeypatch.setattr(StrongBaseline, "embed", diverged)
    with pytest.raises(NonFiniteLoss, match=facts("held-out", "train.lr", "train.clip_norm=1.0")):
        train(patient(), drawn_table, tmp_path)


def test_what_has_no_label_is_counted(
    drawn_table: Sightings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    vehicle = drawn_table.vehicle.copy()
    vehicle[np.flatnonzero(drawn_table.split == "train")[:7]] = ""
    run = train(patient(), replace(drawn_table, vehicle=vehicle), tmp_path / "run")
    assert read_checkpoint(run.best).card["data"]["images_without_label"] == {"vehicle": 7}
    assert "7 training pictures" in caplog.text
