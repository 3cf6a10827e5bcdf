"""MixStyle: pictures of a batch exchange the channel statistics of their feature maps.

Zhou, Yang, Qiao and Xiang, *Domain Generalization with MixStyle*, ICLR 2021, section 2.2. Mean and
deviation of the first maps of a CNN carry the style of a picture (light, camera, rendering), so a
network that sees them mixed relies on them less.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from platefree.errors import RecipeError

_MIXED_STAGES = 2


class MixStyle(nn.Module):
    """Mixes the styles of (b, c, h, w) maps in training; the identity in use.

    Args:
        chance: probability that a batch is mixed.
        alpha: of the Beta distribution of the fraction that a picture keeps of its own style.
    """

    def __init__(self, *, chance: float = 0.5, alpha: float = 0.1) -> None:
        super().__init__()
        self.chance, self.alpha = chance, alpha

    def forward(self, maps: Tensor) -> Tensor:
        """The maps with mixed means and deviations; gradients do not pass through the styles."""
        if not self.training or torch.rand(()) >= self.chance:
            return maps
        spread, mean = torch.std_mean(maps.detach().float(), dim=(2, 3), keepdim=True)
        spread = spread + 1e-6
        own = torch.distributions.Beta(self.alpha, self.alpha).sample((len(maps), 1, 1, 1))
        own = own.to(maps.device)
        other = torch.randperm(len(maps), device=maps.device)
        mixed_mean = own * mean + (1 - own) * mean[other]
        mixed_spread = own * spread + (1 - own) * spread[other]
        return ((maps - mean) / spread * mixed_spread + mixed_mean).to(maps.dtype)


def mix_styles(network: nn.Module, chance: float) -> None:
    """Mix styles after the stages of a timm CNN that shrink a picture by 4 and by 8.

    Names of weights stay as they are.

    Args:
        network: a timm network.
        chance: probability that a batch is mixed at such a stage.

    Raises:
        RecipeError: the network has no such stages, as a transformer.
    """
    stages = [each for each in getattr(network, "feature_info", []) if each["reduction"] in (4, 8)]
    if len({each["reduction"] for each in stages}) < _MIXED_STAGES:
        raise RecipeError(
            "model.mix_style needs a CNN with stages that shrink a picture by 4 and by 8, not "
            f"{type(network).__name__}; set it to 0"
        )
    mixing = MixStyle(chance=chance)
    for stage in stages:
        network.get_submodule(stage["module"]).register_forward_hook(_after(mixing, network))


def _after(mixing: MixStyle, network: nn.Module) -> Callable[..., Tensor]:
    def mixed_output(module: nn.Module, inputs: tuple[Tensor, ...], maps: Tensor) -> Tensor:
        del module, inputs
        mixing.train(network.training)  # no submodule of the network, so as not to rename weights
        mixed: Tensor = mixing(maps)
        return mixed

    return mixed_output
