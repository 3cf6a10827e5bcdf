"""DRDL from its parts: render a small city, train for half a minute, search.

    python examples/drdl.py                     # a city of 40 vehicles, rendered here
    python examples/drdl.py --data photos.csv   # a table with the columns vehicle, model and split

The method with all its switches is `platefree.methods.drdl`; this is its core, for trials.
"""

import argparse
import tempfile

import torch
from torch import Tensor, nn
from torch.nn import functional

import platefree as pf
from platefree.batches.samplers import SetSampler
from platefree.batches.training_data import codes
from platefree.batches.transforms import InputTransform, TrainingTransform
from platefree.city.generate import generate_city
from platefree.data.image import read_image
from platefree.losses import coupled_clusters, known_cross_entropy
from platefree.methods.drdl import MixedDifference, Vectors
from platefree.nets.backbones import Backbone
from platefree.recipes.sections import Augment, Input

SETS, POSITIVES, NEGATIVES = 6, 5, 5


class Network(nn.Module):
    """Figure 6 of the paper on any backbone."""

    def __init__(self, backbone: Backbone, models: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.fc6 = nn.Sequential(nn.Linear(backbone.channels, 512), nn.ReLU())
        self.head = MixedDifference(inputs=512, size=256, models=models, dropout=0, norm="batch")

    def forward(self, images: Tensor) -> Vectors:
        """fc8, fc7_2 and the logits of the vehicle models."""
        vectors: Vectors = self.head(self.fc6(self.backbone(images).mean(dim=(2, 3))))
        return vectors

    def loss(self, images: Tensor, models: Tensor) -> Tensor:
        """Both coupled clusters losses and the softmax, weighted as in section 3.4."""
        embedding, branch, logits = self(images)
        mixed, vehicle = relative(embedding), relative(branch)
        return mixed + 0.5 * vehicle + 0.5 * known_cross_entropy(logits, models)


def relative(rows: Tensor) -> Tensor:
    """The coupled clusters loss of a batch of pairs of sets."""
    pairs = functional.normalize(rows).reshape(SETS, POSITIVES + NEGATIVES, -1)
    return coupled_clusters(pairs[:, :POSITIVES], pairs[:, POSITIVES:], margin=1.0)


def train(network: Network, table: pf.Sightings, settings: Input, steps: int) -> None:
    """Train on batches of six pairs of sets."""
    transform = TrainingTransform(settings, Augment(flip=0.5, pad=4, color=0.2, erase=0.0))
    sampler = SetSampler(
        table.vehicle,
        table.camera,
        table.model,
        sets_per_batch=SETS,
        positives=POSITIVES,
        negatives=NEGATIVES,
    )
    models = torch.from_numpy(codes(table.model))
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=5e-2)
    network.train()
    for step in range(steps):
        epoch, place = divmod(step, sampler.batches_per_epoch)
        rows = sampler.epoch(0, epoch)[place]
        pictures = [
            transform(read_image(table.path(row)), seed=1000 * step + number)
            for number, row in enumerate(rows)
        ]
        loss = network.loss(transform.fixed.normalise(torch.stack(pictures)), models[rows])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if step % 10 == 0:
            print(f"step {step}: loss {loss.item():.3f}")


@torch.inference_mode()
def embed(network: Network, table: pf.Sightings, settings: Input) -> Tensor:
    """L2-normalised vectors of fc8, (n, 256)."""
    transform = InputTransform(settings)
    network.eval()
    parts = []
    for start in range(0, len(table), 64):
        rows = range(start, min(start + 64, len(table)))
        pictures = [transform(read_image(table.path(row))) for row in rows]
        parts.append(network(transform.normalise(torch.stack(pictures))).embedding)
    return functional.normalize(torch.cat(parts))


def main(arguments: list[str] | None = None) -> pf.RankMetrics:
    """Train, and score the queries against the gallery."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="a table; by default a city is rendered")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--backbone", default="resnet10t")
    parser.add_argument("--size", type=int, default=64)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        if options.data is None:
            print("rendering a city of 40 vehicles ...")
            generate_city(folder, vehicles=40, cameras=4, images=400, size=64, near_duplicates=0.5)
        table = pf.read_table(options.data or folder)
        settings = Input(height=options.size, width=options.size, mean=[0.5] * 3, std=[0.25] * 3)
        learnt, query, gallery = (
            table.take(table.split == name) for name in ("train", "query", "gallery")
        )
        torch.manual_seed(0)
        backbone = Backbone(options.backbone, height=options.size, width=options.size)
        network = Network(backbone, models=len(set(learnt.model.tolist()) - {""}))
        train(network, learnt, settings, options.steps)
        rows = embed(network, query, settings), embed(network, gallery, settings)
    metrics = pf.rank_metrics(
        1.0 - (rows[0] @ rows[1].T).numpy(),
        query.vehicle,
        gallery.vehicle,
        query.camera,
        gallery.camera,
    )
    print(f"rank-1 {metrics.cmc[0]:.1%}, mAP {metrics.mAP:.1%} ({len(query)} queries)")
    return metrics


if __name__ == "__main__":
    main()
