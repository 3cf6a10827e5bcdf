"""VehicleNet from its parts: three small cities as one table, two stages, one search.

    python examples/vehiclenet.py                     # three cities, rendered here
    python examples/vehiclenet.py --data merged.csv --target veri-776

The method with all its switches is `platefree.methods.vehiclenet`; this is its core, for trials.
"""

import argparse
import tempfile
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

import platefree as pf
from platefree.batches.samplers import ShuffleSampler
from platefree.batches.training_data import codes
from platefree.batches.transforms import InputTransform, TrainingTransform
from platefree.city.generate import generate_city
from platefree.data.image import read_image
from platefree.nets.backbones import Backbone
from platefree.recipes.sections import Augment, Input


class Net(nn.Module):
    """Backbone, average pooling, fc1 and batch norm: the embedding, without a classifier."""

    def __init__(self, backbone: Backbone, size: int = 128) -> None:
        super().__init__()
        self.backbone = backbone
        self.embedding = nn.Sequential(nn.Linear(backbone.channels, size), nn.BatchNorm1d(size))
        self.size = size

    def forward(self, images: Tensor) -> Tensor:
        """(b, size) vectors for the classifier; L2-normalised, they are the embeddings."""
        vectors: Tensor = self.embedding(self.backbone(images).mean(dim=(2, 3)))
        return vectors


def train_stage(net: Net, table: pf.Sightings, settings: Input, *, steps: int, lr: float) -> None:
    """Train on the vehicles of a table, with a new classifier."""
    vehicles = torch.from_numpy(codes(table.vehicle))
    classifier = nn.Linear(net.size, int(vehicles.max()) + 1)
    nn.init.normal_(classifier.weight, std=0.001)
    transform = TrainingTransform(settings, Augment(flip=0.5, pad=4, color=0.2, erase=0.0))
    sampler = ShuffleSampler(len(table), 32)  # the naive sampling of table VIII
    optimizer = torch.optim.AdamW([*net.parameters(), *classifier.parameters()], lr=lr)
    net.train()
    for step in range(steps):
        epoch, place = divmod(step, sampler.batches_per_epoch)
        rows = sampler.epoch(0, epoch)[place]
        pictures = [transform(read_image(table.path(row)), seed=step) for row in rows]
        logits = classifier(net(transform.fixed.normalise(torch.stack(pictures))))
        loss = functional.cross_entropy(logits, vehicles[rows])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if step % 10 == 0:
            right = (logits.argmax(1) == vehicles[rows]).float().mean()
            print(f"step {step}: loss {loss.item():.3f}, accuracy {right:.0%}")


@torch.inference_mode()
def score(net: Net, table: pf.Sightings, settings: Input) -> pf.RankMetrics:
    """Search the gallery for every query, by cosine similarity."""
    transform = InputTransform(settings)
    net.eval()
    sides, units = [table.take(table.split == name) for name in ("query", "gallery")], []
    for side in sides:
        parts = []
        for start in range(0, len(side), 64):
            rows = range(start, min(start + 64, len(side)))
            pictures = [transform(read_image(side.path(row))) for row in rows]
            parts.append(net(transform.normalise(torch.stack(pictures))))
        units.append(functional.normalize(torch.cat(parts)))
    query, gallery = sides
    distance = (1.0 - units[0] @ units[1].T).numpy()
    return pf.rank_metrics(distance, query.vehicle, gallery.vehicle, query.camera, gallery.camera)


def main(arguments: list[str] | None = None) -> pf.RankMetrics:
    """Train on all sources, then on the target, and score the target after each stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="a merged table; by default cities are rendered")
    parser.add_argument("--target", default="north", help="the source that is scored")
    parser.add_argument("--steps", type=int, nargs=2, default=[50, 20], help="of each stage")
    parser.add_argument("--backbone", default="resnet10t")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--vehicles", type=int, default=24, help="of each city")
    parser.add_argument("--images", type=int, default=240, help="of each city")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        if options.data is None:
            print("rendering three cities ...")
            names, many = ("north", "south", "west"), options.vehicles
            for seed, name in enumerate(names):
                place = Path(folder) / name
                generate_city(
                    place, vehicles=many, cameras=3, images=options.images, size=64, seed=seed
                )
            cities = [pf.read_table(Path(folder) / name) for name in names]
            table = pf.merge_tables(*cities, sources=names, target=options.target)
        else:
            table = pf.read_table(options.data)
        settings = Input(height=options.size, width=options.size, mean=[0.5] * 3, std=[0.25] * 3)
        learnt = table.take((table.split == "train") & (table.vehicle != ""))
        torch.manual_seed(0)
        net = Net(Backbone(options.backbone, height=options.size, width=options.size))
        stages = {"I": learnt, "II": learnt.take(learnt.source == options.target)}
        for (name, rows), steps, lr in zip(
            stages.items(), options.steps, (2e-3, 5e-4), strict=True
        ):
            train_stage(net, rows, settings, steps=steps, lr=lr)
            metrics = score(net, table, settings)
            print(f"stage {name}: rank-1 {metrics.cmc[0]:.1%}, mAP {metrics.mAP:.1%}")
    return metrics


if __name__ == "__main__":
    main()
