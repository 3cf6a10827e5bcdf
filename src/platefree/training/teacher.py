"""A teacher: a trained model whose embeddings are targets for a run, in addition to labels.

It embeds the augmented pictures of every batch, resized and normalised for it, and is frozen. It is
not part of the trained model; the student's card has its fingerprint.
"""

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from platefree.checkpoint import read_checkpoint
from platefree.errors import TrainingError
from platefree.inference.networks import load_network
from platefree.losses.distillation import TeacherTargets
from platefree.methods.base import Method
from platefree.methods.catalogue import check_recipe
from platefree.ranking.comparison import Cosine
from platefree.recipes.recipe import Recipe
from platefree.recipes.sections import Train


def with_teacher(recipe: Recipe) -> Recipe:
    """Write the fingerprint of the teacher into the recipe, so that a resumed run uses the same.

    Raises:
        CheckpointError: there is no checkpoint at ``train.teacher``.
        TrainingError: it does not embed vehicles, or the weights of its losses are 0.
    """
    train, fingerprint = recipe.train, ""
    if train.teacher:
        checkpoint = read_checkpoint(Path(train.teacher))
        learns = check_recipe(checkpoint.card["recipe"]).model.learns
        if learns != "vehicle":
            raise TrainingError(
                f"train.teacher {train.teacher} is a {checkpoint.card['method']} model, which "
                f"learnt {learns} and no embedding of vehicles; give one such as strong_baseline"
            )
        if not (train.teacher_distance or train.teacher_angle):
            raise TrainingError(
                "train.teacher_distance and train.teacher_angle are 0, so nothing would be learnt "
                "from train.teacher; raise one of them, or leave out the teacher"
            )
        fingerprint = checkpoint.fingerprint
    update = {"teacher_fingerprint": fingerprint}
    return recipe.model_copy(update={"train": train.model_copy(update=update)})


def teacher_of(recipe: Recipe, method: Method, device: torch.device) -> "Teacher | None":
    """The teacher of a run; None if the recipe names none.

    Raises:
        TrainingError: the method cannot learn from a teacher.
    """
    if not recipe.train.teacher:
        return None
    if not method.teachable:
        raise TrainingError(
            f"{recipe.model.method} does not learn from a teacher; leave out train.teacher, or "
            "train strong_baseline or multi_branch"
        )
    return Teacher(recipe.train, device)


class Teacher:
    """A frozen model that makes the targets of a student.

    Args:
        train: settings of the run; has a teacher.
        device: where to run.

    Raises:
        CheckpointError: the checkpoint is damaged.
        TrainingError: the model compares pictures in several spaces.
    """

    def __init__(self, train: Train, device: torch.device) -> None:
        with torch.random.fork_rng(devices=[]):  # building it draws random numbers
            model = load_network(train.teacher, device="cpu")
        if not isinstance(model.comparison, Cosine):
            raise TrainingError(
                f"train.teacher {train.teacher} is a {model.recipe.model.method} model, which "
                "compares pictures in more than one space; give one with a single embedding, such "
                "as strong_baseline"
            )
        self.train = train
        self.transform = model.transform
        self.method = model.method.to(device).eval().requires_grad_(False)

    @torch.no_grad()
    def targets(self, images: Tensor) -> TeacherTargets:
        """The teacher's targets for (b, 3, h, w) uint8 pictures of any size."""
        size = (self.transform.height, self.transform.width)
        seen = images.float()
        if seen.shape[2:] != size:
            seen = functional.interpolate(seen, size, mode="bilinear", antialias=True)
        (embeddings,) = self.method.embed(self.transform.normalise(seen)).values()
        weights = self.train.teacher_distance, self.train.teacher_angle
        return TeacherTargets(embeddings.float(), *weights)
