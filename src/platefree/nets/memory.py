"""Cross-batch memory: vectors of earlier batches (Wang et al., CVPR 2020).

Embeddings drift slowly once training is under way, so old ones still serve as negatives and
positives, and cost no pass through the network.
"""

import torch
from torch import Tensor, nn


class CrossBatchMemory(nn.Module):
    """A ring of the latest vectors, part of the state so that a resumed run goes on exactly.

    Args:
        size: vectors that are kept.
        channels: size of a vector.
        start: steps before it is used, until vectors drift slowly; it is filled meanwhile.
    """

    vectors: Tensor
    vehicles: Tensor
    steps: Tensor
    place: Tensor

    def __init__(self, size: int, channels: int, *, start: int = 0) -> None:
        super().__init__()
        self.start = start
        self.register_buffer("vectors", torch.zeros(size, channels))
        self.register_buffer("vehicles", torch.full((size,), -1))
        self.register_buffer("steps", torch.tensor(0))
        self.register_buffer("place", torch.tensor(0))  # where the next vector goes

    def recall(self) -> tuple[Tensor, Tensor]:
        """(size, channels) float32 vectors and (size,) int64 vehicles, -1 in empty places.

        Both have no rows until `start` steps are done. They are copies: what is remembered later
        does not change them.
        """
        if self.steps < self.start:
            return self.vectors[:0].clone(), self.vehicles[:0].clone()
        return self.vectors.clone(), self.vehicles.clone()

    def remember(self, vectors: Tensor, vehicles: Tensor) -> None:
        """Write a batch over the oldest vectors; of a batch larger than the ring, its last rows.

        Args:
            vectors: (n, channels).
            vehicles: (n,) int64 identities.
        """
        size = len(self.vectors)
        vectors, vehicles = vectors.detach().float()[-size:], vehicles[-size:]
        places = (self.place + torch.arange(len(vectors), device=self.place.device)) % size
        self.vectors[places] = vectors
        self.vehicles[places] = vehicles
        self.place += len(vectors)
        self.place %= size
        self.steps += 1
