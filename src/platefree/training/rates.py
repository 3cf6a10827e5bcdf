"""The learning rate over the steps of a stage."""

import math

from platefree.recipes.sections import Train


def rate_factor(step: int, batches_per_epoch: int, train: Train, falls: int = 0) -> float:
    """The learning rate at a step of a stage, as a fraction of ``train.lr``.

    Linear warm-up from a hundredth, then constant, in steps, or a decay until the end of the stage:
    cosine or exponential to ``final_lr``, or linear to zero. Cosine and linear decay begin at the
    first of ``decay_epochs``, with a constant rate before, or else after the warm-up. A plateau
    lowers it where the held-out score no longer rises (`platefree.training.patience`).

    Args:
        step: from 0, within the stage.
        batches_per_epoch: steps of an epoch.
        train: settings of the stage.
        falls: how often a plateau has lowered the rate.
    """
    epoch = step / batches_per_epoch
    steps = train.warmup_steps
    warmup = steps / batches_per_epoch if steps else train.warmup_epochs
    if epoch < warmup:
        return 0.01 + 0.99 * epoch / warmup
    if train.decay == "step":
        drops = sum(epoch >= mark for mark in train.decay_epochs)
        drops += step // train.decay_steps if train.decay_steps else 0
        return float(train.decay_factor**drops)
    if train.decay == "plateau":
        return float(train.decay_factor**falls)
    if train.decay == "constant":
        return 1.0
    epochs = train.steps / batches_per_epoch if train.steps else train.epochs
    marks = [] if train.decay == "exponential" else train.decay_epochs
    begin = max(min(marks, default=warmup), warmup)
    passed = min(max(epoch - begin, 0.0) / max(epochs - begin, 1e-9), 1.0)
    if train.decay == "linear":
        return 1.0 - passed
    if train.decay == "exponential":
        return float(train.final_lr**passed)
    return train.final_lr + (1.0 - train.final_lr) * 0.5 * (1.0 + math.cos(math.pi * passed))
