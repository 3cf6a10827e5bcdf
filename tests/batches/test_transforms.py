import numpy as np
import pytest
import torch
from PIL import Image

from platefree.batches.transforms import (
    InputTransform,
    RandomBalance,
    RandomResolution,
    TrainingTransform,
)
from platefree.recipes.sections import Augment, Input

SETTINGS = Input(height=24, width=40, mean=[0.5, 0.25, 0.0], std=[0.5, 1.0, 2.0])


def picture(seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 255, (60, 50, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def test_normalising_is_the_formula_and_leaves_its_input_alone() -> None:
    images = InputTransform(SETTINGS)(picture())[None]
    before = images.clone()
    normalised = InputTransform(SETTINGS).normalise(images)
    again = InputTransform(SETTINGS).normalise(images)
    assert torch.equal(images, before)
    assert torch.equal(normalised, again)
    for channel, (mean, std) in enumerate(zip([0.5, 0.25, 0.0], [0.5, 1.0, 2.0], strict=True)):
        expected = (before[0, channel].double() / 255 - mean) / std
        torch.testing.assert_close(normalised[0, channel].double(), expected, atol=1e-6, rtol=1e-6)


def test_training_pictures_are_a_function_of_the_seed_alone() -> None:
    transform = TrainingTransform(SETTINGS, Augment(color=0.5, pad=4))
    torch.manual_seed(1)
    first = transform(picture(), 7)
    torch.manual_seed(2)
    torch.rand(5)
    assert torch.equal(transform(picture(), 7), first)
    others = [transform(picture(), seed) for seed in range(8)]
    assert sum(torch.equal(other, first) for other in others) == 1
    assert first.shape == (3, 24, 40)
    assert first.dtype == torch.uint8


def test_drawing_a_picture_does_not_disturb_the_generator() -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    TrainingTransform(SETTINGS, Augment())(picture(), 1)
    assert torch.equal(torch.rand(4), expected)


def test_nothing_is_changed_when_every_change_is_off() -> None:
    off = Augment(flip=0.0, pad=0, color=0.0, erase=0.0)
    assert torch.equal(
        TrainingTransform(SETTINGS, off)(picture(), 1), InputTransform(SETTINGS)(picture())
    )


def test_each_change_is_a_function_of_the_seed_and_keeps_the_shape() -> None:
    for change in ("zoom", "warp", "color", "balance", "grey", "degrade", "erase"):
        settings = Augment(**{"flip": 0.0, "pad": 0, "erase": 0.0, change: 1.0})
        transform = TrainingTransform(SETTINGS, settings)
        first = transform(picture(), 7)
        assert torch.equal(transform(picture(), 7), first), change
        assert not torch.equal(transform(picture(), 8), first) or change == "grey"
        assert not torch.equal(first, InputTransform(SETTINGS)(picture())), change
        assert (first.shape, first.dtype) == ((3, 24, 40), torch.uint8)


def test_boxes_follow_a_part_that_is_enlarged() -> None:
    """A white block on black: where the picture is white afterwards, there is its box."""
    dark = Image.new("RGB", (160, 96))
    dark.paste((255, 255, 255), (60, 40, 100, 60))
    block = torch.tensor([[60 / 160, 40 / 96, 100 / 160, 60 / 96]], dtype=torch.float64)
    settings = Input(height=96, width=160, mean=[0.5] * 3, std=[1.0] * 3)
    still = {"flip": 0.0, "pad": 0, "erase": 0.0}
    transform = TrainingTransform(settings, Augment(zoom=1.0, **still))
    areas = []
    for seed in range(40):
        shown, boxes = transform.with_boxes(dark, block, seed)
        assert torch.equal(shown, transform(dark, seed))
        seen = (shown[0] > 127).nonzero()
        left, top, right, bottom = boxes[0].tolist()
        areas.append((right - left) * (bottom - top))
        if len(seen) == 0:  # outside of the part, but for the half that rounding may leave
            assert min(right - left, bottom - top) < 4
            continue
        low, high = seen.amin(dim=0).tolist(), (seen.amax(dim=0) + 1).tolist()
        assert [top, left, bottom, right] == pytest.approx([*low, *high], abs=1.5)
    assert max(areas) > 4 * 40 * 20
    assert min(areas) == 0


def test_balance_is_one_gain_for_each_channel() -> None:
    torch.manual_seed(0)
    before = torch.full((3, 5, 6), 100, dtype=torch.uint8)
    after = RandomBalance(0.2)(before).double()
    gains = after / 100
    assert (gains.std(dim=(1, 2)) == 0).all()
    assert ((gains >= np.exp(-0.2) - 0.01) & (gains <= np.exp(0.2) + 0.01)).all()
    assert len(gains[:, 0, 0].unique()) == 3


def test_a_lower_resolution_loses_what_is_fine_and_keeps_what_is_coarse() -> None:
    torch.manual_seed(0)
    fine = torch.zeros(3, 64, 64, dtype=torch.uint8)
    fine[:, ::2] = 200
    coarse = torch.zeros(3, 64, 64, dtype=torch.uint8)
    coarse[:, :32] = 200
    lowered = RandomResolution(0.25)
    assert min(lowered(fine).float().std() for _ in range(8)) < 0.3 * fine.float().std()
    assert min(lowered(coarse).float().std() for _ in range(8)) > 0.9 * coarse.float().std()
