"""A moving average of the weights over the steps of a stage, to be used instead of the weights.

After step t the average a of a weight w is (Polyak and Juditsky 1992; with the growing decay of
TensorFlow's ExponentialMovingAverage):

    a  <-  a + (1 - d) * (w - a),    d = min(decay, (t - 1) / (t + 9))

So the first average is the weights after the first step, without the random initial weights, and
early steps are soon forgotten. Buffers of floats (the statistics of batch norms) are averaged like
weights; counters are copied.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from platefree.errors import CheckpointError

_PREFIX = "average/"


class WeightAverage:
    """The average of all tensors of a module, whatever their optimizer.

    Args:
        module: on its device, with the weights to average.
        decay: in [0, 1); with 0 there is no average: `tensors` are the weights themselves.

    Attributes:
        tensors: by name, as in the module's state dict.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self._learning: dict[str, Tensor] = module.state_dict()  # shares the module's memory
        self.decay = decay
        self.tensors = self._learning
        if decay:
            self.tensors = {name: tensor.clone() for name, tensor in self._learning.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Update the average with the current weights.

        Args:
            step: of the stage, from 1.
        """
        if not self.decay:
            return
        fraction = 1.0 - min(self.decay, (step - 1) / (step + 9))
        for name, weight in self._learning.items():
            if weight.is_floating_point():
                self.tensors[name].lerp_(weight, fraction)
            else:
                self.tensors[name].copy_(weight)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Within the block, the module has the averages as its weights."""
        if not self.decay:
            yield
            return
        learning = {name: weight.clone() for name, weight in self._learning.items()}
        self._write(self.tensors)
        try:
            yield
        finally:
            self._write(learning)

    def state(self) -> dict[str, Tensor]:
        """The tensors needed to resume."""
        if not self.decay:
            return {}
        return {f"{_PREFIX}{name}": tensor for name, tensor in self.tensors.items()}

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore the tensors of `state`; other tensors are ignored.

        Raises:
            CheckpointError: a tensor is missing.
        """
        if not self.decay:
            return
        for name, average in self.tensors.items():
            found = tensors.get(f"{_PREFIX}{name}")
            if found is None:
                raise CheckpointError(
                    f"the state to resume from holds no average of {name}, but train.average is "
                    f"{self.decay}; resume from a run that had it, or choose another folder (--out)"
                )
            average.copy_(found)

    @torch.no_grad()
    def _write(self, tensors: Mapping[str, Tensor]) -> None:
        for name, weight in self._learning.items():
            weight.copy_(tensors[name])
