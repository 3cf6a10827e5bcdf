"""Unfreezing a backbone under a classifier of scale 64.

Run ``PYTHONPATH=src python benchmarks/unfreezing.py``, a minute of one core. A very small ResNet
that has learnt a little is frozen for 40 steps and learns for 80 more, in float32, on colored
patterns with noise. Of each case it prints the identity loss before and after, the norms of the
gradients of backbone and head at the first step, and how large the vectors before the neck become.
"""

import argparse
import statistics
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from platefree.methods.base import Batch
from platefree.methods.catalogue import build_method, load_recipe
from platefree.methods.strong_baseline import StrongBaseline
from platefree.training.freezing import frozen, training_mode

VEHICLES, SIZE, PICTURES = 24, 32, 8
RATE = 0.05
BEFORE, FROZEN, OPEN = 20, 40, 80
LOOKS = (0, 20, 40, 79)


@dataclass(frozen=True)
class Case:
    """How the backbone is unfrozen.

    Attributes:
        vehicles: in a batch, of `PICTURES` each.
        warmup: steps of a second warm-up after the backbone is unfrozen.
        clip: largest norm of the gradients; 0: any.
        statistics: ``kept`` or ``moved``, for the running statistics of frozen batch norms.
    """

    name: str
    vehicles: int = 4
    classifier: str = "circle"
    warmup: int = 0
    clip: float = 0.0
    statistics: str = "kept"


CASES = (
    Case("as published"),
    Case("statistics move while frozen", statistics="moved"),
    Case("warm-up", warmup=40),
    Case("warm-up, clip 5", warmup=40, clip=5.0),
    Case("linear classifier", classifier="linear"),
    Case("one vehicle", vehicles=1),
    Case("one vehicle, warm-up, clip 5", vehicles=1, warmup=40, clip=5.0),
    Case("one vehicle, linear classifier", vehicles=1, classifier="linear"),
)


@dataclass(frozen=True)
class Step:
    """Measurements of one step."""

    identity: float
    backbone_gradient: float
    head_gradient: float
    largest: float


class Run:
    """One method, and the steps it took."""

    def __init__(self, case: Case) -> None:
        self.case = case
        torch.manual_seed(0)
        options = {
            "model.backbone": "test_resnet",
            "model.classifier": case.classifier,
            "model.metric_at": "after_neck",
            "input.height": SIZE,
            "input.width": SIZE,
        }
        method = build_method(load_recipe("strong_baseline/demo", options), {"vehicle": VEHICLES})
        if not isinstance(method, StrongBaseline):
            raise TypeError("the recipe is of another method")
        self.method = method
        self.patterns = nn.functional.interpolate(torch.randn(VEHICLES, 3, 8, 8), scale_factor=4.0)
        self.backbone = list(method.backbone.parameters())
        self.head = [p for name, p in method.named_parameters() if not name.startswith("backbone")]
        self._start()

    def batch(self, vehicles: int, number: int) -> Batch:
        """Pictures of some vehicles, always the same for a number."""
        generator = torch.Generator().manual_seed(number)
        chosen = torch.randperm(VEHICLES, generator=generator)[:vehicles]
        codes = chosen.repeat_interleave(PICTURES)
        noise = 0.7 * torch.randn(len(codes), 3, SIZE, SIZE, generator=generator)
        light = 0.5 * torch.randn(len(codes), 3, 1, 1, generator=generator)
        return Batch(self.patterns[codes] + noise + light, {"vehicle": codes})

    def take(self, steps: int, parameters: Iterable[Tensor], *, warmup: int) -> list[Step]:
        """Learn for some steps."""
        learning = [p for p in parameters if p.requires_grad]
        optimizer = torch.optim.SGD(learning, lr=RATE, momentum=0.9, weight_decay=5e-4)
        return [
            self._step(optimizer, number, min(1.0, 0.01 + number / warmup) if warmup else 1.0)
            for number in range(steps)
        ]

    def _step(self, optimizer: torch.optim.Optimizer, number: int, factor: float) -> Step:
        batch = self.batch(self.case.vehicles, number)
        vectors: list[Tensor] = []
        handle = self.method.neck.norm.register_forward_pre_hook(
            lambda _, given: vectors.append(given[0].detach())
        )
        losses = self.method.losses(batch)
        handle.remove()
        self.method.zero_grad()
        torch.autograd.backward(torch.stack(list(losses.values())).sum())
        backbone, head = _norm(self.backbone), _norm(self.head)
        if self.case.clip:
            nn.utils.clip_grad_norm_(self.method.parameters(), self.case.clip)
        for group in optimizer.param_groups:
            group["lr"] = RATE * factor
        optimizer.step()
        return Step(losses["identity"].item(), backbone, head, vectors[0].abs().max().item())

    def _start(self) -> None:
        """Weights after some training, in place of those of ImageNet."""
        classifier = nn.Linear(self.method.backbone.channels, VEHICLES)
        optimizer = torch.optim.SGD(
            [*self.backbone, *classifier.parameters()], lr=0.05, momentum=0.9
        )
        for number in range(BEFORE):
            batch = self.batch(8, 10_000 + number)
            logits = classifier(self.method.backbone(batch.images).mean((2, 3)))
            optimizer.zero_grad()
            torch.autograd.backward(nn.functional.cross_entropy(logits, batch.labels["vehicle"]))
            optimizer.step()


def _norm(parameters: Iterable[Tensor]) -> float:
    gradients = [p.grad.norm() for p in parameters if p.grad is not None]
    return float(torch.stack(gradients).norm()) if gradients else 0.0


def measure(case: Case) -> tuple[list[Step], list[Step]]:
    """The steps while the backbone is frozen, and after it."""
    run = Run(case)
    if case.statistics == "kept":
        training_mode(run.method, ["backbone"], [])
    with frozen(run.method, ["backbone"]):
        before = run.take(FROZEN, run.head, warmup=FROZEN)
    run.method.train()
    return before, run.take(OPEN, run.method.parameters(), warmup=case.warmup)


def main() -> None:
    """Print one line for each case."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None).parse_args()
    torch.set_num_threads(1)
    print(
        "identity loss: last 10 frozen steps, first 10 open ones, last 10; gradients of the first"
    )
    print(f"open step: backbone, head; largest value of the vectors at the open steps {LOOKS}")
    for case in CASES:
        before, after = measure(case)
        parts = (before[-10:], after[:10], after[-10:])
        losses = [statistics.fmean(step.identity for step in part) for part in parts]
        gradients = (after[0].backbone_gradient, after[0].head_gradient)
        largest = [after[number].largest for number in LOOKS]
        print(
            f"{case.name:36}",
            *(f"{value:6.1f}" for value in losses),
            " |",
            *(f"{value:6.2f}" for value in gradients),
            " |",
            *(f"{value:6.1f}" for value in largest),
            flush=True,
        )


if __name__ == "__main__":
    main()
