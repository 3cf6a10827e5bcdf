"""Cross-batch memory: vectors of earlier batches (Wang et al., CVPR 2020).

Embeddings drift slowly after the first steps, so old ones are still useful negatives and positives,
without another forward pass.
"""

import torch
from torch import Tensor, nn


class CrossBatchMemory(nn.Module):
    """A ring buffer of the latest vectors, part of the state so that runs resume exactly.

    Args:
        size: number of vectors to keep.
        channels: size of a vector.
        start: steps before it is used, while vectors drift fast; it is filled meanwhile.
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

        Both have no rows until `start` steps are done. They are copies, which later calls of
        `remember` do not change.
        """
        if self.steps < self.start:
            return self.vectors[:0].clone(), self.vehicles[:0].clone()
        return self.vectors.clone(), self.vehicles.clone()

    def remember(self, vectors: Tensor, vehicles: Tensor) -> None:
        """Replace the oldest vectors by a batch, or by its last rows if it exceeds the memory.

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
