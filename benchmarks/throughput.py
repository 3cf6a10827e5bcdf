"""Training speed: pictures per second of the data alone, of the model alone, and of both.

    python benchmarks/throughput.py --backbone resnet50 --size 256 --batch 64 --steps 50 --markdown

platefree is compared with the usual loop of the field, implemented below as in fast-reid and
similar
toolboxes: whole JPEGs decoded by Pillow, torchvision's transforms to normalised floats in the
workers, no channels-last, a scalar read after each loss. Both train the same network with the same
losses on the same pictures in the same order. The pictures are drawn, about 800 x 600, or those of
--data.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from platefree.batches.loader import StepBatches, TrainingPictures, training_loader, worker_count
from platefree.batches.training_data import TrainingData, training_data
from platefree.batches.transforms import InputTransform, TrainingTransform
from platefree.data.table import read_table
from platefree.methods.base import Batch, make_optimizer
from platefree.methods.catalogue import build_method, load_recipe, resolve
from platefree.recipes.recipe import Recipe
from platefree.training.compiling import compile_backbones
from platefree.training.processes import launch
from platefree.training.step import FabricDescent

WARM_UP = 5  # steps before the clock starts, while workers start and kernels are chosen
_VEHICLES, _EACH = 40, 8


class Way(Protocol):
    """A training loop: loading and learning."""

    def batches(self, steps: int) -> Iterator[Any]:
        """Load this many batches."""

    def step(self, batch: Any) -> None:  # noqa: ANN401
        """Learn from one batch."""


class Platefree:
    """The steps of `platefree.train`."""

    def __init__(self, recipe: Recipe, data: TrainingData, device: Any) -> None:  # noqa: ANN401
        self.recipe, self.data = recipe, data
        torch.manual_seed(0)
        self.method = build_method(recipe, data.classes)
        self.fabric = launch(recipe.train, device, self.method)
        self.method.to(memory_format=torch.channels_last)
        if recipe.train.compile != "off":
            compile_backbones(self.method, recipe.train.compile)
        self.descent = FabricDescent(self.fabric, self.method, recipe.train)
        self.transform = InputTransform(recipe.input)
        self.method.train()

    def batches(self, steps: int) -> Iterator[Any]:
        """Bytes of pictures."""
        train = self.recipe.train
        sampler = self.data.sampler(train)
        yield from training_loader(
            TrainingPictures(
                self.data.sightings, TrainingTransform(self.recipe.input, self.recipe.augment)
            ),
            StepBatches(sampler, seed=0, start=0, stop=steps),
            workers=worker_count(train.workers, steps * train.batch_size),
            pin_memory=self.fabric.device.type == "cuda",
        )

    def step(self, batch: Any) -> None:  # noqa: ANN401
        """To the device, to floats, forward, backward, step."""
        images = batch.images.to(
            self.fabric.device, non_blocking=True, memory_format=torch.channels_last
        )
        rows = torch.tensor(batch.rows)
        labels = {name: v[rows].to(self.fabric.device) for name, v in self.data.labels.items()}
        self.method.step(Batch(self.transform.normalise(images), labels), self.descent)


class PlainPictures(Dataset[tuple[Tensor, int]]):
    """Pictures as the usual loop reads them."""

    def __init__(self, paths: Sequence[Path], vehicles: Tensor, recipe: Recipe) -> None:
        self.paths, self.vehicles = paths, vehicles
        size = (recipe.input.height, recipe.input.width)
        self.transform = transforms.Compose(
            [
                transforms.Resize(size),
                transforms.RandomHorizontalFlip(recipe.augment.flip),
                transforms.Pad(recipe.augment.pad),
                transforms.RandomCrop(size),
                transforms.ToTensor(),
                transforms.Normalize(recipe.input.mean, recipe.input.std),
                transforms.RandomErasing(recipe.augment.erase),
            ]
        )

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        image = Image.open(self.paths[row]).convert("RGB")
        return self.transform(image), int(self.vehicles[row])


class Plain:
    """The usual loop."""

    def __init__(self, recipe: Recipe, data: TrainingData, device: torch.device) -> None:
        self.recipe, self.data, self.device = recipe, data, device
        torch.manual_seed(0)
        self.method = build_method(recipe, data.classes).to(device)
        self.optimizer = make_optimizer(self.method, recipe.train)
        self.half = recipe.train.precision == "bf16"
        self.method.train()

    def batches(self, steps: int) -> Iterator[Any]:
        """Normalised floats."""
        train, rows = self.recipe.train, self.data.sightings
        paths = [rows.path(row) for row in range(len(rows))]
        keys = StepBatches(self.data.sampler(train), seed=0, start=0, stop=steps)
        yield from DataLoader(
            PlainPictures(paths, self.data.labels["vehicle"], self.recipe),
            batch_sampler=[[key.row for key in batch] for batch in keys],
            num_workers=worker_count(train.workers, steps * train.batch_size),
            pin_memory=self.device.type == "cuda",
        )

    def step(self, batch: Any) -> None:  # noqa: ANN401
        """To the device, forward, backward, step."""
        images, vehicles = (each.to(self.device) for each in batch)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            losses = self.method.losses(Batch(images, {"vehicle": vehicles}))
            total = torch.stack([loss.float() for loss in losses.values()]).sum()
        for loss in losses.values():
            loss.item()
        self.optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        if self.recipe.train.clip_norm:
            torch.nn.utils.clip_grad_norm_(self.method.parameters(), self.recipe.train.clip_norm)
        self.optimizer.step()


def draw_pictures(folder: Path) -> Path:
    """A folder of JPEGs of about 800 x 600 pixels, some vehicles with a few pictures each."""
    random = np.random.default_rng(0)
    for vehicle in range(_VEHICLES):
        color = tuple(int(value) for value in random.integers(0, 256, 3))
        for number in range(_EACH):
            width, height = int(random.integers(700, 900)), int(random.integers(500, 700))
            ground = random.integers(40, 200, (height // 8, width // 8, 3), dtype=np.uint8)
            picture = Image.fromarray(ground).resize((width, height), Image.Resampling.BICUBIC)
            box = [width * 0.15, height * 0.3, width * 0.85, height * 0.8]
            ImageDraw.Draw(picture).rectangle(box, fill=color)
            path = folder / f"{vehicle:04d}" / f"{number}.jpg"
            path.parent.mkdir(exist_ok=True)
            picture.save(path, quality=90)
    return folder


def rate(batches: Iterator[Any], step: Callable[[Any], None], pictures: int) -> float:
    """Pictures per second of all batches after the first `WARM_UP`."""
    started, counted = 0.0, 0
    for number, batch in enumerate(batches):
        if number == WARM_UP:
            _wait()
            started = time.perf_counter()
        step(batch)
        counted += pictures if number >= WARM_UP else 0
    _wait()
    return counted / (time.perf_counter() - started)


def measure(way: Way, steps: int, pictures: int) -> dict[str, float]:
    """Pictures per second of data, model and both, and the ratio of both to the model's speed."""
    last: list[Any] = []

    def keep(batch: Any) -> None:  # noqa: ANN401
        last[:] = [batch]

    data = rate(way.batches(steps + WARM_UP), keep, pictures)
    model = rate(iter(last * (steps + WARM_UP)), way.step, pictures)
    both = rate(way.batches(steps + WARM_UP), way.step, pictures)
    return {"data": data, "model": model, "both": both, "both / model": both / model}


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _recipe(asked: argparse.Namespace) -> Recipe:
    return resolve(
        load_recipe(
            "strong_baseline/default",
            {
                "model.backbone": asked.backbone,
                "model.last_stride": 1 if "resnet" in asked.backbone else 2,
                "input.height": asked.size,
                "input.width": asked.size,
                "augment": {"flip": 0.5, "pad": 10, "color": 0.0, "erase": 0.5},
                "train.vehicles_per_batch": asked.batch // 4,
                "train.images_per_vehicle": 4,
                "train.precision": asked.precision,
                "train.compile": asked.compile,
                "train.workers": asked.workers,
            },
        )
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--precision", default="32", choices=["32", "bf16"])
    parser.add_argument("--compile", default="off", choices=["off", "default", "reduce-overhead"])
    parser.add_argument("--backbone", default="resnet50")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--workers", type=int, default=-1)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--data", type=Path, help="a table, instead of drawn pictures")
    parser.add_argument("--markdown", action="store_true")
    asked = parser.parse_args()
    recipe = _recipe(asked)
    with TemporaryDirectory() as temporary:
        table = read_table(asked.data or draw_pictures(Path(temporary)))
        data = training_data(table, recipe.train)
        ours = Platefree(recipe, data, asked.device)
        ways: dict[str, Way] = {
            "platefree": ours,
            "the usual loop": Plain(recipe, data, ours.fabric.device),
        }
        found = {name: measure(way, asked.steps, asked.batch) for name, way in ways.items()}
    what = (
        f"{asked.backbone}, {asked.size} px, {asked.batch} pictures per step, {asked.precision}, "
        f"compile {asked.compile}, {asked.steps} steps, {ours.fabric.device}, "
        f"{torch.get_num_threads()} threads; pictures per second"
    )
    if not asked.markdown:
        print(json.dumps({"measured": what, **found}, indent=2))
        return
    print("| way | data alone | model alone | both | both / model alone |")
    print("|---|--:|--:|--:|--:|")
    for name, rates in found.items():
        numbers = " | ".join(f"{rates[key]:.0f}" for key in ("data", "model", "both"))
        print(f"| {name} | {numbers} | {rates['both / model']:.2f} |")
    print(f"\n{what}")


if __name__ == "__main__":
    main()
