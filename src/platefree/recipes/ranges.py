"""The ranges of the numbers in recipes: far wider than anyone needs, yet no number is unbounded.

Beyond them a machine runs out of memory or a loss out of digits, long after the recipe was read.
"""

from typing import Annotated

from pydantic import Field

Rate = Annotated[float, Field(ge=0, le=1)]
"""A fraction or a probability."""

RateBelowOne = Annotated[float, Field(ge=0, lt=1)]

LearningRate = Annotated[float, Field(gt=0, le=100)]

Weight = Annotated[float, Field(ge=0, le=1_000_000)]
"""Of a loss or a part of one; 0 leaves it out."""

PositiveWeight = Annotated[float, Field(gt=0, le=1_000_000)]

Margin = Annotated[float, Field(gt=0, le=1_000)]
"""Between distances."""

Factor = Annotated[float, Field(gt=0, le=1_000)]
"""Of logits, as a scale or a temperature."""

Channel = Annotated[float, Field(ge=-10, le=10)]
"""The mean of a color channel, where 0 is black and 1 is full."""

PositiveChannel = Annotated[float, Field(gt=0, le=10)]
"""The standard deviation of a color channel."""

Side = Annotated[int, Field(ge=16, le=2048)]
"""Height or width of what a network is given, in pixels."""

Channels = Annotated[int, Field(ge=1, le=65_536)]
"""Size of an embedding or a layer."""

ChannelsOrNone = Annotated[int, Field(ge=0, le=65_536)]

Width = Annotated[int, Field(ge=1, le=1_024)]
"""Channels of the first layer of a network that doubles them."""

Count = Annotated[int, Field(ge=1, le=100_000)]
"""Epochs, neighbours and the like."""

CountOrNone = Annotated[int, Field(ge=0, le=100_000)]

Steps = Annotated[int, Field(ge=0, le=1_000_000_000)]

Epochs = Annotated[float, Field(ge=0, le=100_000)]

PositiveEpochs = Annotated[float, Field(gt=0, le=100_000)]

InBatch = Annotated[int, Field(ge=1, le=4_096)]
"""Vehicles in a batch, or pictures of each."""

Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
"""As numpy takes it."""

Workers = Annotated[int, Field(ge=-1, le=256)]
"""Processes; -1: by the machine."""

Figure = Annotated[float, Field(ge=-1_000_000, le=1_000_000)]
"""A published one, as a fraction or a cost."""
