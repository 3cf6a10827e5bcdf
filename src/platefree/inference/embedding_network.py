"""A network on a device with its input transform: batches of pictures in, embeddings out."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor
from torch.nn import functional

from platefree.batches.training_data import codes
from platefree.batches.transforms import InputTransform
from platefree.errors import TrainingError
from platefree.inference.looks import looks_at
from platefree.methods.base import Method
from platefree.recipes.recipe import Recipe
from platefree.types import Floats, Sightings, Text
from platefree.work import Device


class Network:
    """A method with its weights, ready to embed batches.

    Args:
        method: the network, with its weights.
        recipe: the resolved recipe that it was made from.
        device: where it runs.
        metadata: label column -> its known values, sorted, for the labels that it is conditioned
            on; by default none.
    """

    def __init__(
        self,
        method: Method,
        recipe: Recipe,
        *,
        device: torch.device,
        metadata: Mapping[str, Text] | None = None,
    ) -> None:
        self.method = method.to(device)
        self.recipe = recipe
        self.device = device
        self.metadata = metadata or {}
        self.transform = InputTransform(recipe.input)

    def embed_images(
        self, images: Tensor, labels: Mapping[str, Tensor] | None = None
    ) -> dict[str, Floats]:
        """L2-normalised embeddings by space of (b, 3, h, w) uint8 pictures of the input size.

        Embeddings are averaged over ``input.scales``, over ``input.crops`` and, with
        ``input.test_time_flip = "average"``, over each picture and its flipped image, and
        normalised again (VehicleNet, section V: the network's input is resized).

        Args:
            images: the pictures.
            labels: of these pictures, from `known_labels`.
        """
        self.method.eval()
        given = {name: each.to(self.device) for name, each in (labels or {}).items()}
        with torch.inference_mode():
            normalised = self.transform.normalise(images.to(self.device, non_blocking=True))
            spaces, *others = self._embedded(normalised, given)
            if others:
                spaces = {
                    name: functional.normalize(rows + torch.stack([o[name] for o in others]).sum(0))
                    for name, rows in spaces.items()
                }
        return {name: rows.float().cpu().numpy() for name, rows in spaces.items()}

    def known_labels(self, sightings: Sightings) -> dict[str, Tensor]:
        """The labels that it is conditioned on: column -> (n,) int64 codes, -1 unknown.

        Also what its method has to know of the pictures, see `Method.known`.
        """
        labels = {
            column: torch.from_numpy(codes(getattr(sightings, column), names))
            for column, names in self.metadata.items()
        }
        return labels | self.method.known(sightings)

    def _embedded(
        self, normalised: Tensor, labels: Mapping[str, Tensor]
    ) -> Iterator[dict[str, Tensor]]:
        """Embeddings of every look at the pictures, flipped ones too if test-time flip is on."""
        for look in looks_at(normalised, self.recipe.input):
            yield self.method.embed(look, labels)
            if self.recipe.input.test_time_flip == "average":
                yield self.method.embed(look.flip(3), self.method.flipped(labels))


def choose_device(device: Device) -> torch.device:
    """The device asked for; by ``auto`` a CUDA GPU where there is one, else the CPU.

    Decided: ``auto`` never takes ``mps``, on which the tests have not run.

    Raises:
        TrainingError: CUDA or MPS was asked for and is not there.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise TrainingError(
            "no CUDA device was found; use device='cpu' (--device cpu), or see 'platefree doctor'"
        )
    if device == "mps" and not torch.backends.mps.is_available():
        raise TrainingError(
            "no MPS device was found, as Macs with Apple silicon and a recent macOS have; use "
            "device='cpu' (--device cpu), or see 'platefree doctor'"
        )
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(device)
