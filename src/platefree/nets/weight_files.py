"""Weight files to start from, of this project or another: fast-reid, torchreid, TransReID, timm ...

Projects wrap the tensors of a backbone in tables (``model``, ``state_dict``) and prefixes
(``backbone.``, ``module.``, ``base.``). None of these is listed here: the table and the prefix
under which most tensors have the name and the shape of the backbone's are the ones.

A ``.safetensors`` file holds nothing but tensors. Any other file is read by torch's restricted
reader, which creates tensors, numbers and plain containers alone and runs no code of the file.
"""

import argparse
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from platefree.errors import PlatefreeError, TrainingError, first_line, plain_text
from platefree.inputs.plain_files import GB, Expected, open_input, read_input

Tensors = Mapping[str, Tensor]

_WEIGHTS = Expected("weights to start from (none, timm or a file)", 64 * GB, TrainingError)
_DEEPEST = 4  # tables within tables
_LEFT_OUT = re.compile(r"optim|scheduler", re.IGNORECASE)  # their tables are as large as the model
_CLASS = re.compile(r"(?:GLOBAL|type|class) '?([A-Za-z_][\w.]*\.\w+)")

_SCALAR: Any = np.float64(0).__reduce__()[0]  # numpy's own function, whose name has changed

_HARMLESS: list[Any] = [
    argparse.Namespace,  # the arguments of a run, beside its tensors
    *(np.dtype, np.dtypes.Float32DType, np.dtypes.Float64DType, np.dtypes.Int64DType),
    (_SCALAR, "numpy._core.multiarray.scalar"),
    (_SCALAR, "numpy.core.multiarray.scalar"),
]
"""Classes beside tensors that published checkpoints hold, none of which runs code."""


@dataclass(frozen=True)
class Match:
    """The tensors of a file that belong to a network.

    Attributes:
        prefix: of their names in the file, such as ``backbone.``.
        tensors: by their names in the network, and others under the same prefix.
        others: names of the tensors of the file that are not under the prefix.
    """

    prefix: str
    tensors: dict[str, Tensor]
    others: list[str]

    def fitting(self, wanted: Tensors) -> int:
        """How many tensors have a name and a shape that a network wants."""
        return sum(
            name in wanted and each.shape == wanted[name].shape
            for name, each in self.tensors.items()
        )


def best_match(
    tables: list[Tensors], wanted: Tensors, adapt: Callable[[Tensors], Tensors] = dict
) -> Match:
    """The table and the prefix under which most tensors fit a network.

    Args:
        tables: from `tensor_tables`; of several that fit equally well, the first counts.
        wanted: the tensors of the network.
        adapt: renames or resizes plain tensors as the network needs them.
    """
    matches = [
        Match(prefix, dict(adapt(plain)), [name for name in table if not name.startswith(prefix)])
        for table in tables
        for prefix in _prefixes(table, wanted)
        if (plain := _under(prefix, table))
    ]
    return max(matches, key=lambda match: match.fitting(wanted))


def _under(prefix: str, table: Tensors) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): each for name, each in table.items() if name.startswith(prefix)
    }


def _prefixes(table: Tensors, wanted: Tensors) -> list[str]:
    """None, and the one that stands most often before a name that is wanted."""
    found: Counter[str] = Counter()
    for name in table:
        parts = name.split(".")
        for first in range(1, len(parts)):
            if ".".join(parts[first:]) in wanted:
                found[".".join(parts[:first]) + "."] += 1
    return ["", *(prefix for prefix, _ in found.most_common(1))]


def read_tensor_file(path: Path) -> Tensors:
    """The largest table of tensors in a file; see `tensor_tables`."""
    return max(tensor_tables(path), key=len)


def tensor_tables(path: Path) -> list[Tensors]:
    """Every table of tensors in a file, those of the weights before an average of them.

    Raises:
        TrainingError: it cannot be read, holds no tensors, or holds more than plain content.
    """
    try:
        if path.suffix == ".safetensors":
            return [load(read_input(path, _WEIGHTS))]
        with torch.serialization.safe_globals(_HARMLESS), open_input(path, _WEIGHTS) as file:
            content = torch.load(file, map_location="cpu", weights_only=True)
    except (PlatefreeError, MemoryError):
        raise
    except (OSError, SafetensorError, RuntimeError, ValueError, EOFError, KeyError) as error:
        raise TrainingError(
            f"weights {path} cannot be read ({first_line(error)}); expected .safetensors, or a "
            "file that torch saved: copy it again"
        ) from error
    except Exception as error:  # torch raises its own error for a refused pickle
        raise TrainingError(
            f"weights {path} hold more than plain tensors{_foreign_class(error)}, which is never "
            "loaded, since it could run code; save the tensors alone, where the file was made: "
            "safetensors.torch.save_file(model.state_dict(), 'weights.safetensors')"
        ) from error
    tables = list(_tables(content, _DEEPEST))
    if not tables:
        raise TrainingError(
            f"weights {path} hold no table of tensors by name ({type(content).__name__}); save "
            "what model.state_dict() gives"
        )
    return tables


def _tables(content: object, deepest: int) -> Iterator[Tensors]:
    if not isinstance(content, Mapping) or not deepest:
        return
    named = {name: each for name, each in content.items() if isinstance(name, str)}
    tensors = {name: each for name, each in named.items() if isinstance(each, Tensor)}
    if tensors:
        yield tensors
    for name, each in sorted(named.items(), key=lambda item: "ema" in item[0].lower()):
        if not _LEFT_OUT.search(name):
            yield from _tables(each, deepest - 1)


def _foreign_class(error: Exception) -> str:
    found = _CLASS.search(plain_text(error))
    return f" ({found[1]})" if found else ""
