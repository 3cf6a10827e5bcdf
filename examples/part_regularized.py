"""Part-regularized re-ID from its parts: a small city, a minute of training, a search.

    python examples/part_regularized.py                    # a city of 40 vehicles, rendered here
    python examples/part_regularized.py --data FOLDER      # images.csv and parts.csv

The method with all its switches is `platefree.methods.part_regularized`; this is its core.
"""

import argparse
import tempfile
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

import platefree as pf
from platefree.batches.loader import Boxes
from platefree.batches.samplers import ShuffleSampler
from platefree.batches.training_data import codes
from platefree.batches.transforms import InputTransform, TrainingTransform
from platefree.city.generate import generate_city
from platefree.data.image import read_image
from platefree.data.part_boxes import PARTS, PictureBoxes, fill_missing, place_boxes
from platefree.data.part_files import find_part_boxes
from platefree.nets.backbones import Backbone
from platefree.nets.roi import local_average, part_masks
from platefree.recipes.sections import Augment, Input


class PartRegularized(nn.Module):
    """A global branch, which is all that a search uses, and a classifier on each part."""

    def __init__(self, backbone: Backbone, vehicles: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.reduce = nn.Linear(backbone.channels, 256)
        self.classifier = nn.Linear(256, vehicles)
        self.part_classifiers = nn.ModuleList(nn.Linear(backbone.channels, vehicles) for _ in PARTS)

    def forward(self, images: Tensor) -> Tensor:
        """The global vector, (b, 256)."""
        vectors: Tensor = self.reduce(self.backbone(images).mean(dim=(2, 3)))
        return vectors

    def loss(self, images: Tensor, boxes: Boxes, vehicles: Tensor) -> Tensor:
        """Equation 3 with every lambda 1; a picture without a part adds nothing to its loss."""
        maps = self.backbone(images)  # (b, channels, rows, columns)
        logits = self.classifier(self.reduce(maps.mean(dim=(2, 3))))
        total = functional.cross_entropy(logits, vehicles)
        (height, width), (rows, columns) = images.shape[2:], maps.shape[2:]
        masks = part_masks(
            *boxes,
            pictures=len(images),
            parts=len(PARTS),
            size=(height, width),
            grid=(rows, columns),
        )
        features, seen = local_average(maps, masks), masks.any(dim=(2, 3))
        for part, classifier in enumerate(self.part_classifiers):
            each = functional.cross_entropy(
                classifier(features[:, part]), vehicles, reduction="none"
            )
            total = total + (each * seen[:, part]).mean()
        return total


def train(
    model: PartRegularized, table: pf.Sightings, parts: PictureBoxes, settings: Input, steps: int
) -> None:
    """Train on batches of 16 pictures; boxes are transformed with their pictures."""
    transform = TrainingTransform(settings, Augment(flip=0.5, pad=4, color=0.2, erase=0.0))
    sampler = ShuffleSampler(len(table), 16)
    vehicles = torch.from_numpy(codes(table.vehicle))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model.train()
    for step in range(steps):
        epoch, place = divmod(step, sampler.batches_per_epoch)
        rows = sampler.epoch(0, epoch)[place]
        images, boxes = list[Tensor](), list[Boxes]()
        for number, row in enumerate(rows.tolist()):
            share, part = (torch.from_numpy(each) for each in parts.of(row))
            picture = read_image(table.path(row))
            image, moved = transform.with_boxes(picture, share, seed=16 * step + number)
            images.append(image)
            boxes.append(Boxes(moved, torch.full_like(part, number), part))
        together = Boxes(*(torch.cat(each) for each in zip(*boxes, strict=True)))
        normalised = transform.fixed.normalise(torch.stack(images))
        loss = model.loss(normalised, together, vehicles[rows])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if step % 20 == 0:
            print(f"step {step}: loss {loss.item():.3f}")


@torch.inference_mode()
def embed(model: PartRegularized, table: pf.Sightings, settings: Input) -> Tensor:
    """L2-normalised embeddings, (n, 256); parts are not needed any more."""
    transform = InputTransform(settings)
    model.eval()
    batches = []
    for start in range(0, len(table), 64):
        rows = range(start, min(start + 64, len(table)))
        pictures = [transform(read_image(table.path(row))) for row in rows]
        batches.append(model(transform.normalise(torch.stack(pictures))))
    return functional.normalize(torch.cat(batches))


def main(arguments: list[str] | None = None) -> pf.RankMetrics:
    """Train on a city or on other pictures, and score the queries against the gallery."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="a folder with part boxes; by default a city is rendered")
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--backbone", default="resnet10t")
    parser.add_argument("--size", type=int, default=64)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        if options.data is None:
            print("rendering a city of 40 vehicles ...")
            generate_city(folder, vehicles=40, cameras=4, images=500, size=64, near_duplicates=0.8)
        root = Path(options.data or folder)
        table = pf.read_table(root)
        settings = Input(height=options.size, width=options.size, mean=[0.5] * 3, std=[0.25] * 3)
        learnt, query, gallery = (
            table.take(table.split == name) for name in ("train", "query", "gallery")
        )
        parts = fill_missing(place_boxes(find_part_boxes("", root), learnt), learnt.vehicle)
        torch.manual_seed(0)
        side = options.size
        backbone = Backbone(
            options.backbone, height=side, width=side, last_stride=1
        )  # a finer grid
        model = PartRegularized(backbone, vehicles=len(set(learnt.vehicle.tolist())))
        train(model, learnt, parts, settings, options.steps)
        distance = 1.0 - embed(model, query, settings) @ embed(model, gallery, settings).T
    labels = (query.vehicle, gallery.vehicle, query.camera, gallery.camera)
    metrics = pf.rank_metrics(distance.numpy(), *labels)
    print(f"rank-1 {metrics.cmc[0]:.1%}, mAP {metrics.mAP:.1%} ({len(query)} queries)")
    return metrics


if __name__ == "__main__":
    main()
