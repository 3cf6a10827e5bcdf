"""Relations learnt from a teacher: losses by loops, targets, runs that keep to their teacher."""

import itertools
import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import TINY
from messages import facts
from torch import Tensor
from torch.nn import functional

import platefree as pf
from platefree.checkpoint import read_checkpoint
from platefree.errors import CheckpointError, TrainingError
from platefree.losses.distillation import (
    TeacherTargets,
    relational_angles,
    relational_distances,
    relational_losses,
)
from platefree.methods.base import Batch, Method
from platefree.methods.catalogue import build_method, load_recipe
from platefree.methods.multi_branch import BranchLosses, MultiBranch
from platefree.nets.late_branches import LateBranches
from platefree.nets.weights import checkpoint_tensors
from platefree.recipes.recipe import Recipe
from platefree.training.loop import train
from platefree.training.step_report import StepReport
from platefree.training.teacher import Teacher
from platefree.types import Sightings

SHORT = {**TINY, "train.steps": 4}
ALONE: dict[str, object] = {
    "train__steps": 25,
    "train__lr": 3e-3,
    "model__identity_weight": 0.0,
    "model__triplet_weight": 0.0,
    "augment__erase": 0.0,
    "augment__warp": 0.0,
}
"""Nothing but the teacher to learn from."""


def rows(count: int, size: int, seed: int) -> Tensor:
    return torch.randn(count, size, generator=torch.Generator().manual_seed(seed))


def huber(one: float, other: float) -> float:
    gap = abs(one - other)
    return gap * gap / 2 if gap <= 1 else gap - 0.5


def slow_distances(student: list[list[float]], teacher: list[list[float]]) -> float:
    pairs = list(itertools.permutations(range(len(student)), 2))
    relative = []
    for vectors in (student, teacher):
        distances = {(i, j): math.dist(vectors[i], vectors[j]) for i, j in pairs}
        mean = sum(distances.values()) / len(pairs)
        relative.append({pair: distance / mean for pair, distance in distances.items()})
    return sum(huber(relative[0][pair], relative[1][pair]) for pair in pairs) / len(pairs)


def slow_angles(student: list[list[float]], teacher: list[list[float]]) -> float:
    def cosine(vectors: list[list[float]], i: int, j: int, k: int) -> float:
        one = [a - b for a, b in zip(vectors[i], vectors[j], strict=True)]
        other = [a - b for a, b in zip(vectors[k], vectors[j], strict=True)]
        product = sum(a * b for a, b in zip(one, other, strict=True))
        return product / math.hypot(*one) / math.hypot(*other)

    triples = list(itertools.permutations(range(len(student)), 3))
    return sum(
        huber(cosine(student, *triple), cosine(teacher, *triple)) for triple in triples
    ) / len(triples)


def test_relations_are_those_of_loops_over_pairs_and_triples() -> None:
    student, teacher = 5 * rows(7, 3, 0), rows(7, 11, 1)
    found = relational_distances(student, teacher).item()
    assert found == pytest.approx(slow_distances(student.tolist(), teacher.tolist()), rel=1e-4)
    found = relational_angles(student, teacher).item()
    assert found == pytest.approx(slow_angles(student.tolist(), teacher.tolist()), rel=1e-4)


def test_relations_know_neither_scale_nor_place_nor_turn() -> None:
    teacher = rows(6, 4, 0)
    turn = torch.linalg.qr(rows(4, 4, 1)).Q
    student = 3.0 * teacher @ turn + 2.0
    assert relational_distances(student, teacher).item() == pytest.approx(0, abs=1e-6)
    assert relational_angles(student, teacher).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("loss", [relational_distances, relational_angles])
def test_gradients_are_finite_and_lead_the_student_to_the_teacher(loss: object) -> None:
    teacher = rows(6, 9, 2)
    student = rows(6, 3, 3).requires_grad_(True)
    first = loss(student, teacher)  # type: ignore[operator]
    for _ in range(60):
        (gradient,) = torch.autograd.grad(loss(student, teacher), student)  # type: ignore[operator]
        assert gradient.isfinite().all()
        student = (student - 2.0 * gradient).detach().requires_grad_(True)
    assert loss(student, teacher) < 0.7 * first  # type: ignore[operator]
    learning_teacher = rows(6, 9, 2).requires_grad_(True)
    loss(student, learning_teacher).backward()  # type: ignore[operator]
    assert learning_teacher.grad is None


@pytest.mark.parametrize("loss", [relational_distances, relational_angles])
def test_pictures_in_one_place_have_small_gradients(loss: object) -> None:
    student = rows(6, 3, 3)
    student[1] = student[0]
    student.requires_grad_(True)
    (gradient,) = torch.autograd.grad(loss(student, rows(6, 9, 2)), student)  # type: ignore[operator]
    assert gradient.norm() < 20


def test_too_few_pictures_have_no_relations() -> None:
    one, two = rows(1, 3, 0).requires_grad_(True), rows(2, 3, 0).requires_grad_(True)
    for loss in (relational_distances(one, one), relational_angles(two, two)):
        assert loss.item() == 0
        loss.backward()
    assert two.grad is not None
    assert (two.grad == 0).all()


def test_weights_of_zero_leave_a_loss_out() -> None:
    student, teacher = rows(5, 3, 0), rows(5, 4, 1)
    both = relational_losses(student, teacher, TeacherTargets(teacher, 0.5, 3.0))
    assert both["teacher_distance"] == 0.5 * relational_distances(student, teacher)
    assert both["teacher_angle"] == 3.0 * relational_angles(student, teacher)
    assert set(relational_losses(student, teacher, TeacherTargets(teacher, 0.0, 1.0))) == {
        "teacher_angle"
    }


def strong_baseline() -> Method:
    changes = {"model.backbone": "test_resnet", "input.height": 32, "input.width": 32}
    return build_method(load_recipe("strong_baseline/demo", changes), {"vehicle": 4})


def multi_branch() -> MultiBranch:
    backbone = LateBranches("test_resnet", convolution=1, attention=1, height=32, width=32)
    return MultiBranch(backbone, [BranchLosses(1.0, 0.0), BranchLosses(0.0, 1.0)], vehicles=4)


@pytest.mark.parametrize("make", [strong_baseline, multi_branch])
def test_methods_compare_their_embedding_with_the_targets(make: object) -> None:
    torch.manual_seed(0)
    method = make()  # type: ignore[operator]
    images, targets = rows(8, 3 * 32 * 32, 0).reshape(8, 3, 32, 32), TeacherTargets(rows(8, 5, 1))
    labels = {"vehicle": torch.arange(4).repeat_interleave(2)}
    assert set(method.losses(Batch(images, labels))) == {"identity", "triplet"}
    found = method.losses(Batch(images, labels, targets=targets))
    embedded = method.embed(images)["main"]  # in training mode, as in the losses
    expected = relational_losses(embedded, targets.embeddings, targets)
    assert set(found) == {"identity", "triplet", *expected}
    for name, loss in expected.items():
        torch.testing.assert_close(found[name], loss, atol=1e-5, rtol=1e-4)


# --- runs -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory, drawn_table: Sightings) -> Path:
    """A teacher of another size, backbone and embedding."""
    changes = {"input.height": 48, "input.width": 64, "model.embedding_size": 10}
    recipe = load_recipe("strong_baseline/demo", {**SHORT, **changes, "model.backbone": "test_vit"})
    return train(recipe, drawn_table, tmp_path_factory.mktemp("big")).best


def with_teacher(teacher: Path | str, **changes: object) -> Recipe:
    changed = {key.replace("__", "."): value for key, value in changes.items()}
    settings = {**SHORT, "train.teacher": str(teacher), **changed}
    return load_recipe("strong_baseline/demo", settings)


def test_targets_are_what_the_teacher_makes_of_the_resized_pictures(big: Path) -> None:
    settings = with_teacher(big, train__teacher_angle=0.5).train
    images = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
    before = torch.random.get_rng_state()
    targets = Teacher(settings, torch.device("cpu")).targets(images)
    assert torch.equal(torch.random.get_rng_state(), before)
    model = pf.load_model(big)
    resized = functional.interpolate(images.float(), (48, 64), mode="bilinear", antialias=True)
    mean, std = (torch.tensor(each)[:, None, None] for each in ([0.5] * 3, [0.5] * 3))
    expected = model.method.eval().embed((resized / 255 - mean) / std)["main"]
    torch.testing.assert_close(targets.embeddings, expected)
    assert not targets.embeddings.requires_grad
    assert (targets.distance_weight, targets.angle_weight) == (1.0, 0.5)


def test_a_student_learns_the_relations_and_resumes_to_the_same_bits(
    big: Path, drawn_table: Sightings, tmp_path: Path
) -> None:
    seen: list[StepReport] = []
    recipe = with_teacher(big, **ALONE)
    whole = train(recipe, drawn_table, tmp_path / "whole", on_step=seen.append)
    told = [step.losses["teacher_distance"] + step.losses["teacher_angle"] for step in seen]
    assert np.mean(told[-5:]) < 0.8 * np.mean(told[:5])
    train(with_teacher(big, **ALONE, train__max_steps=7), drawn_table, tmp_path / "cut")
    moved = shutil.copytree(big, tmp_path / "moved")  # known by its fingerprint, not by its place
    run = train(with_teacher(moved, **ALONE), drawn_table, tmp_path / "cut", resume=True)
    one, other = (
        checkpoint_tensors(read_checkpoint(each.best), "weights") for each in (whole, run)
    )
    assert all(torch.equal(one[name], other[name]) for name in one)
    plain = strong_baseline().state_dict().keys()
    assert one.keys() == plain  # nothing of the teacher is kept
    card = json.loads((whole.best / "card.json").read_text())
    fingerprint = read_checkpoint(big).fingerprint
    assert card["recipe"]["train"]["teacher_fingerprint"] == fingerprint


def test_a_run_keeps_to_its_teacher(
    big: Path, drawn_table: Sightings, tiny_model_folder: Path, tmp_path: Path
) -> None:
    train(with_teacher(big, train__max_steps=1), drawn_table, tmp_path)
    first, second = (read_checkpoint(each).fingerprint for each in (big, tiny_model_folder))
    told = ((first, "then"), (second, "now"))
    with pytest.raises(
        CheckpointError,
        match=facts("train.teacher_fingerprint", *(f"{each} {when}" for each, when in told)),
    ):
        train(with_teacher(tiny_model_folder), drawn_table, tmp_path, resume=True)
    with pytest.raises(CheckpointError, match=facts("train.teacher_fingerprint", f"{first} then")):
        train(with_teacher(""), drawn_table, tmp_path, resume=True)


def test_who_cannot_teach_or_learn_is_refused(
    big: Path, drawn_table: Sightings, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError, match=facts("color_stripes", "card.json")):
        train(with_teacher("color_stripes"), drawn_table, tmp_path / "a")
    with pytest.raises(
        TrainingError, match=facts("train.teacher_distance", "train.teacher_angle", "train.teacher")
    ):
        train(
            with_teacher(big, train__teacher_angle=0.0, train__teacher_distance=0.0),
            drawn_table,
            tmp_path / "a",
        )
    seen = replace(drawn_table, view=np.where(drawn_table.camera == "cam1", "front", "rear"))
    small = {key: value for key, value in SHORT.items() if key != "model.last_stride"}
    small |= {"train.max_steps": 1, "train.images_per_vehicle": 4}
    viewpoint = train(load_recipe("viewpoint/city", small), seen, tmp_path / "view").best
    with pytest.raises(
        TrainingError, match=facts("train.teacher", "viewpoint model", "strong_baseline")
    ):
        train(with_teacher(viewpoint), seen, tmp_path / "a")
    views = {"model.views": ["front", "rear"], "model.view_from": "table"}
    vanet = train(load_recipe("vanet/city", {**small, **views}), seen, tmp_path / "vanet").best
    with pytest.raises(
        TrainingError, match=facts("train.teacher", "vanet model", "one space", "strong_baseline")
    ):
        train(with_teacher(vanet), seen, tmp_path / "a")
    pupil = load_recipe("vanet/city", {**small, **views, "train.teacher": str(big)})
    with pytest.raises(TrainingError, match=facts("vanet", "train.teacher", "strong_baseline")):
        train(pupil, seen, tmp_path / "a")
    assert not (tmp_path / "a").exists()
