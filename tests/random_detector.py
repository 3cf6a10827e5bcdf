"""A checkpoint of a vehicle detector whose weights are drawn at random, which finds much."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from platefree.methods.catalogue import build_method, load_recipe, resolve
from platefree.methods.vehicle_detector import VehicleDetector
from platefree.nets.nanodet import NanoDet
from platefree.nets.weights import save_checkpoint


def random_detector(folder: Path, plates: str = "shared") -> Path:
    """Write it, with such heads for plates; return its folder."""
    recipe = resolve(load_recipe("vehicle_detector/city", {"model.plates": plates}))
    torch.manual_seed(0)
    method = build_method(recipe, {})
    assert isinstance(method, VehicleDetector)
    spread_out(method.network)
    card = {"step": 0, "recipe": recipe.model_dump(), "classes": {}, "names": {}}
    card["method"] = recipe.model.method
    save_checkpoint(folder, card, method.state_dict())
    return folder


def spread_out(network: NanoDet) -> None:
    """Logits of deviation 1 on noise, so that scores and boxes vary; random maps fade otherwise."""
    levels = torch.from_numpy(noise_frame(128, 160)).permute(2, 0, 1)[None].float()
    with torch.no_grad():
        for part in network.modules():
            if isinstance(part, nn.Conv2d) and part.kernel_size == (3, 3):
                part.weight *= 2.2
        maps = network.joined(network.features((levels - 120) / 60))
        heads = list(zip(network.heads, maps, strict=True))
        if network.apart is not None:
            heads += zip(network.apart_heads, maps, strict=False)
        for head, each in heads:
            head[1].weight.normal_()
            head[1].bias.zero_()
            logits = head(each).flatten(2)
            head[1].weight /= logits.std(dim=2).mean(dim=0)[:, None, None, None]
            head[1].bias -= head(each).mean(dim=(0, 2, 3))
            head[1].bias[:5] -= 0.5
            head[1].bias[5:] += torch.linspace(2, -2, 11).repeat(4)


def noise_frame(height: int, width: int, seed: int = 0) -> np.ndarray:
    """(h, w, 3) uint8: coarse patches of color with noise."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (-(-height // 8), -(-width // 8), 3))
    patches = np.kron(coarse, np.ones((8, 8, 1)))[:height, :width]
    return (patches + random.normal(0, 10, patches.shape)).clip(0, 255).astype(np.uint8)
