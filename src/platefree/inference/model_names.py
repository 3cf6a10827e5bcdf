"""What is the name of a model, and what the path of its folder."""

from pathlib import Path

from platefree.inference.shipped import shipped_models

WITHOUT_TRAINING = ("color_stripes",)
"""Methods that need no training: models by their names."""


def is_model_name(model: str | Path) -> bool:
    """Whether this names a model inside, or a method of `WITHOUT_TRAINING`.

    That is so whatever the current folder holds; ``./NAME`` is a folder.
    """
    return str(model) in WITHOUT_TRAINING or str(model) in shipped_models()


def lasting_name(model: str) -> str:
    """How a model is named for later: by its name, or by the absolute path of its folder."""
    if is_model_name(model) or not Path(model).exists():
        return model
    return str(Path(model).resolve())
