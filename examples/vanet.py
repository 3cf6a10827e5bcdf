"""VANet from its parts: render a small city, train for a minute, search with two metrics.

    python examples/vanet.py                     # a city of 40 vehicles, rendered here
    python examples/vanet.py --data photos.csv   # a table with the columns vehicle, view and split

The method with all its switches is `platefree.methods.vanet`; this is its core, for trials.
"""

import argparse
import tempfile

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

import platefree as pf
from platefree.batches.samplers import IdentitySampler
from platefree.batches.training_data import codes
from platefree.batches.transforms import InputTransform, TrainingTransform
from platefree.city.generate import generate_city
from platefree.data.image import read_image
from platefree.losses import (
    cross_view_triplet,
    different_view_triplet,
    pairwise_distances,
    same_view_triplet,
)
from platefree.nets.branches import BranchedBackbone
from platefree.recipes.sections import Augment, Input


class TwoMetrics(nn.Module):
    """Two branches; each has a vector for distances and a vehicle classifier."""

    def __init__(self, backbone: BranchedBackbone, vehicles: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.classifiers = nn.ModuleList(nn.Linear(backbone.channels, vehicles) for _ in range(2))

    def forward(self, images: Tensor) -> list[Tensor]:
        """The vector of each branch, (b, channels)."""
        return [maps.mean(dim=(2, 3)) for maps in self.backbone(images)]

    def loss(self, images: Tensor, vehicles: Tensor, views: Tensor) -> Tensor:
        """L_s + L_d + L_cross (equation 5), and the cross-entropy of both classifiers."""
        vectors = self(images)
        unit = [functional.normalize(rows) for rows in vectors]
        in_same, in_different = (pairwise_distances(rows, rows) for rows in unit)
        is_same_view = views[:, None] == views[None, :]
        distances = torch.where(is_same_view, in_same, in_different)  # figure 3, integrated
        terms = [same_view_triplet, different_view_triplet, cross_view_triplet]
        total = torch.stack([term(distances, vehicles, views, 0.5) for term in terms]).sum()
        for classifier, rows in zip(self.classifiers, vectors, strict=True):
            total = total + functional.cross_entropy(classifier(rows), vehicles)
        return total


def train(model: TwoMetrics, table: pf.Sightings, settings: Input, steps: int) -> None:
    """Train on batches of four vehicles with four pictures each."""
    transform = TrainingTransform(settings, Augment(flip=0.5, pad=4, color=0.2, erase=0.0))
    sampler = IdentitySampler(
        table.vehicle, table.camera, vehicles_per_batch=4, images_per_vehicle=4
    )
    vehicles, views = torch.from_numpy(codes(table.vehicle)), torch.from_numpy(codes(table.view))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-3)
    model.train()
    for step in range(steps):
        epoch, place = divmod(step, sampler.batches_per_epoch)
        rows = sampler.epoch(0, epoch)[place]
        pictures = [transform(read_image(table.path(row)), seed=step) for row in rows]
        images = transform.fixed.normalise(torch.stack(pictures))
        loss = model.loss(images, vehicles[rows], views[rows])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if step % 20 == 0:
            print(f"step {step}: loss {loss.item():.3f}")


@torch.inference_mode()
def embed(model: TwoMetrics, table: pf.Sightings, settings: Input) -> list[Tensor]:
    """L2-normalised embeddings, (n, channels), in the space of each kind of pair (equation 5)."""
    transform = InputTransform(settings)
    model.eval()
    parts = []
    for start in range(0, len(table), 64):
        rows = range(start, min(start + 64, len(table)))
        pictures = [transform(read_image(table.path(row))) for row in rows]
        parts.append(model(transform.normalise(torch.stack(pictures))))
    return [functional.normalize(torch.cat(rows)) for rows in zip(*parts, strict=True)]


def main(arguments: list[str] | None = None) -> pf.RankMetrics:
    """Train, and score the queries against the gallery, with the views of the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="a table; by default a city is rendered")
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--backbone", default="resnet10t")
    parser.add_argument("--size", type=int, default=64)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        if options.data is None:
            print("rendering a city of 40 vehicles ...")
            generate_city(folder, vehicles=40, cameras=4, images=500, size=64, near_duplicates=0.8)
        table = pf.read_table(options.data or folder)
        settings = Input(height=options.size, width=options.size, mean=[0.5] * 3, std=[0.25] * 3)
        learnt, query, gallery = (
            table.take(table.split == name) for name in ("train", "query", "gallery")
        )
        torch.manual_seed(0)
        backbone = BranchedBackbone(
            options.backbone, branches=2, height=options.size, width=options.size
        )
        model = TwoMetrics(backbone, vehicles=len(set(learnt.vehicle.tolist())))
        train(model, learnt, settings, options.steps)
        sides = zip(embed(model, query, settings), embed(model, gallery, settings), strict=True)
        in_same, in_different = (1.0 - (q @ g.T).numpy() for q, g in sides)
    is_same_view = query.view[:, None] == gallery.view[None, :]
    metrics = pf.rank_metrics(
        np.where(is_same_view, in_same, in_different),
        query.vehicle,
        gallery.vehicle,
        query.camera,
        gallery.camera,
    )
    print(f"rank-1 {metrics.cmc[0]:.1%}, mAP {metrics.mAP:.1%} ({len(query)} queries)")
    return metrics


if __name__ == "__main__":
    main()
