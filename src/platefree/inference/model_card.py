"""The card of a model folder: an exported model described so that it runs without torch.

    model/card.json              what it is, how its spaces combine, how far it is from torch
    model/README.md              the same for people
    model/network-5f3c0a1e.onnx  uint8 pictures in, embeddings of length 1 out; one for each member
    model/learnt-20c1....bin     hashes of what it learnt from

The card names its files with their hashes and carries a seal over everything that decides an
embedding or a distance, so that an edited folder is not taken for the model that it was.
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, model_validator

from platefree.checkpoint import CARD, EXPORTED
from platefree.data.learnt import SETS, Learnt, learnt_from_json
from platefree.errors import CheckpointError, DataError
from platefree.inputs.complaints import checked
from platefree.inputs.documents import read_json
from platefree.inputs.plain_files import GB, MB, Expected, read_input, require_utf8
from platefree.ranking.calibration import Calibration, read_calibration
from platefree.ranking.comparison import Comparison
from platefree.ranking.described import read_comparison
from platefree.recipes.post import Post
from platefree.recipes.ranges import Side

VERSION: Final = 1
PAGE = "README.md"

Precision = Literal["fp32", "fp16", "int8", "int8-weights"]

_CARD = Expected("the card of a model", 16 * MB, CheckpointError)
_FILE = Expected("a file of a model", 2 * GB, CheckpointError)  # the most that one ONNX file holds

Name = Annotated[str, Field(max_length=10_000)]
SpaceName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
_FILE_NAME = r"^(network|learnt)-[0-9a-f]{16}\.(onnx|bin)$"
FileName = Annotated[str, Field(pattern=_FILE_NAME)]
Distance = Annotated[float, Field(ge=0, le=2)]


class _Part(BaseModel):
    """A part of the card; keys that are not described here are kept."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow", allow_inf_nan=False)


class FileCard(_Part):
    """A file of the folder.

    Attributes:
        name: its kind and the start of its hash.
        sha256: of its bytes, in hexadecimal digits.
        size: in bytes.
    """

    name: FileName
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    size: NonNegativeInt

    @classmethod
    def of(cls, kind: Literal["network", "learnt"], content: bytes) -> Self:
        """The entry of a new file."""
        digest = hashlib.sha256(content).hexdigest()
        ending = "onnx" if kind == "network" else "bin"
        return cls(name=f"{kind}-{digest[:16]}.{ending}", sha256=digest, size=len(content))


class Difference(_Part):
    """How far the rows of a space are from those of torch: lengths of their differences.

    The cosine similarity of two pictures differs by no more than the sum of both lengths.

    Attributes:
        worst: over the pictures that were compared.
        mean: over them.
    """

    worst: Distance
    mean: Distance


class NetworkCard(_Part):
    """One network: a model, or a member of an ensemble.

    Attributes:
        name: of its recipe.
        method: its name.
        fingerprint: of the checkpoint.
        file: the ONNX file.
        height: of the pictures that it takes, in pixels.
        width: of the pictures that it takes, in pixels.
        spaces: space -> dimensions.
        comparison: how they combine, as `Comparison.to_json` describes it.
        parity: space -> how far its rows are from those of torch.
    """

    name: Name
    method: Name
    fingerprint: Name
    file: FileCard
    height: Side
    width: Side
    spaces: Annotated[dict[SpaceName, PositiveInt], Field(min_length=1, max_length=1000)]
    comparison: dict[str, Any]
    parity: dict[SpaceName, Difference] = {}

    def read_comparison(self) -> Comparison:
        """How its spaces combine.

        Raises:
            CheckpointError: nothing of the kind is described.
        """
        try:
            return read_comparison(self.comparison)
        except DataError as error:
            raise CheckpointError(f"the card of {self.name}: {error}") from error


class Measured(_Part):
    """Figures of one test of a data set, beside those of the checkpoint in torch.

    Attributes:
        data: name, fingerprint and rows.
        protocol: how it was searched.
        test: its name.
        seed: of what the protocol draws.
        rerank: how it was re-ranked.
        in_training: how much of the data the model learnt from, as a sentence.
        figures: of the exported model, as fractions.
        torch: of the checkpoint.
    """

    data: Name
    protocol: Name
    test: Name
    seed: Name
    rerank: Name
    in_training: Name
    figures: dict[str, float]
    torch: dict[str, float]

    def describe(self) -> str:
        """What was measured."""
        return (
            f"{self.data}, protocol {self.protocol}, test {self.test}, seed "
            f"{self.seed.partition(':')[0]}, re-ranking {self.rerank}; {self.in_training}"
        )

    def percentages(self) -> str:
        """The figures, in per cent."""
        each = (
            f"{name} {100 * value:.2f} (torch {100 * self.torch[name]:.2f})"
            for name, value in self.figures.items()
            if name in self.torch
        )
        return ", ".join(each)


class FolderCard(_Part):
    """What the cards of embedders and of detectors have in common.

    Attributes:
        format: of the folder.
        version: of the format.
        task: what it does: embeds pictures, or detects vehicles on frames.
        fingerprint: of the model; that of the checkpoint where the weights are the same numbers.
        seal: hash of everything that decides what it makes of a picture.
        method: its name; ``ensemble`` of several.
        precision: of the weights.
        learns: the label column that was learnt, or ``frames``.
        about: what it was made from, for people.
        use: input size, test-time flip and the like, for people.
        recipe: of the training, as it was.
        learnt: what `Learnt.to_json` says of what it learnt from.
        learnt_file: the hashes of it.
        licence: under which the weights may be used.
        compared: the pictures that the parity was measured on.
        limits: where it fails, and what it is not for.
    """

    format: Literal["platefree-model"] = "platefree-model"
    version: Literal[1] = VERSION
    task: str
    fingerprint: Annotated[str, Field(min_length=1, max_length=64)]
    seal: str = ""
    method: Name
    precision: Precision
    learns: Name
    about: dict[str, Name] = {}
    use: dict[str, Name] = {}
    recipe: dict[str, Any] = {}
    learnt: dict[str, Any]
    learnt_file: FileCard
    licence: Name
    compared: Name = ""
    limits: list[Name] = []

    def network_files(self) -> list[FileCard]:
        """The ONNX files."""
        raise NotImplementedError

    def deciding(self) -> Any:  # noqa: ANN401
        """Plain content: everything that decides what it makes of a picture."""
        raise NotImplementedError

    def files(self) -> list[FileCard]:
        """All files that the card names."""
        return [*self.network_files(), self.learnt_file]

    def text(self) -> str:
        """The content of ``card.json``."""
        return json.dumps(self.model_dump(), indent=2, ensure_ascii=False) + "\n"

    def sealed(self) -> Self:
        """The same with the seal that its content has."""
        return self.model_copy(update={"seal": self.own_seal()})

    def own_seal(self) -> str:
        """A hash of what decides."""
        described = json.dumps(self.deciding(), sort_keys=True)
        return hashlib.sha256(described.encode()).hexdigest()[:32]


class ModelCard(FolderCard):
    """The content of ``card.json`` of a model that embeds pictures.

    Attributes:
        networks: the members of an ensemble, or the one network.
        fractions: the weight of each in the mean of similarities; their sum is 1.
        predicts: label column -> its values, sorted, for the labels that it predicts.
        post: the post-processing of its recipe.
        paper: the paper's figures, by ``DATA_SET TEST FIGURE``.
        figures: what was measured of it.
        calibration: of its similarities, see `platefree.ranking.calibration`; decides nothing.
    """

    task: Literal["embed"] = "embed"
    networks: Annotated[list[NetworkCard], Field(min_length=1, max_length=1000)]
    fractions: list[Annotated[float, Field(gt=0, le=1)]]
    predicts: dict[str, list[Name]] = {}
    post: dict[str, Any]
    paper: dict[str, float] = {}
    figures: list[Measured] = []
    calibration: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _each_network_has_a_fraction(self) -> Self:
        if len(self.fractions) != len(self.networks):
            raise ValueError(
                f"{len(self.networks)} networks have {len(self.fractions)} fractions, expected one "
                "for each"
            )
        return self

    def probabilities(self) -> Calibration | None:
        """The calibration of its similarities, if there is one."""
        return read_calibration(self.calibration, self.fingerprint, "the card")

    def network_files(self) -> list[FileCard]:
        """Those of its members."""
        return [network.file for network in self.networks]

    def deciding(self) -> Any:  # noqa: ANN401
        """What decides an embedding or a distance."""
        hidden = {"name", "method", "parity"}
        networks = [each.model_dump(exclude=hidden) for each in self.networks]
        names = {"fingerprint", "precision", "fractions", "learns", "predicts", "learnt_file"}
        return [networks, self.model_dump(include=names)]


def is_model_folder(path: str | Path) -> bool:
    """Whether a folder has the card of an exported model; a damaged card counts as another's."""
    place = Path(path) / CARD
    if not os.path.isfile(place):
        return False
    try:
        content = read_json(place, _CARD)
    except CheckpointError:
        return False
    return isinstance(content, dict) and content.get("format") == EXPORTED


def is_own_file(name: str) -> bool:
    """Whether a name is one that only an export gives."""
    return re.fullmatch(_FILE_NAME, name) is not None


def read_model_card(folder: Path) -> ModelCard:
    """Read the card of a model folder that embeds pictures.

    Raises:
        CheckpointError: there is none, it is damaged, changed, or of a newer version, or the model
            is a detector.
    """
    content = card_content(folder)
    if content.get("task", "embed") != "embed":
        raise CheckpointError(
            f"{folder} is a detector, which finds vehicles on whole pictures and embeds nothing: "
            "give a model that embeds, and use this one with 'platefree detect'"
        )
    path = folder / CARD
    card = checked(ModelCard, content, f"the card {path}", error=CheckpointError)
    checked(Post, card.post, f"post of {path}", error=CheckpointError)
    read_calibration(card.calibration, card.fingerprint, str(path))
    check_seal(card, path)
    return card


def card_content(folder: Path) -> dict[str, Any]:
    """The content of the card of a model folder, of whatever task.

    Raises:
        CheckpointError: there is none, or it is of a newer version.
    """
    require_utf8(folder.absolute(), _CARD)
    path = folder / CARD
    content = read_json(path, _CARD)
    if not isinstance(content, dict) or content.get("format") != EXPORTED:
        raise CheckpointError(f"{path} is not the card of a model; 'platefree export' makes one")
    version = content.get("version")
    if isinstance(version, int) and version > VERSION:
        raise CheckpointError(
            f"{path} has version {version}, this platefree reads up to {VERSION}; upgrade platefree"
        )
    return content


def check_seal(card: FolderCard, path: Path) -> None:
    """Refuse a card that was edited.

    Raises:
        CheckpointError: its seal is not that of what it describes.
    """
    if card.seal != card.own_seal():
        raise CheckpointError(
            f"{path} was changed after it was written: its seal is {card.seal[:40]!r}, that of "
            f"what it describes is {card.own_seal()}; use an unchanged copy, or export again"
        )


def read_file(folder: Path, entry: FileCard) -> bytes:
    """The bytes of a file that a card names, their hash checked.

    Raises:
        CheckpointError: it is missing, or not the one that the card names.
    """
    path = folder / entry.name
    content = read_input(path, _FILE)
    if hashlib.sha256(content).hexdigest() != entry.sha256:
        raise CheckpointError(
            f"{path} is damaged or another file: its {len(content)} bytes do not match the hash in "
            f"{CARD}; copy the whole folder again"
        )
    return content


def learnt_bytes(learnt: Learnt) -> bytes:
    """The hashes of what a model learnt from, one set after the other."""
    return b"".join(getattr(learnt, name).astype("<u8").tobytes() for name in SETS)


def read_learnt_file(folder: Path, card: FolderCard) -> Learnt:
    """What a model learnt from.

    Raises:
        CheckpointError: the file is missing or damaged, or not what the card says.
    """
    content = read_file(folder, card.learnt_file)
    try:
        hashes = np.frombuffer(content, "<u8").astype(np.uint64)
        return learnt_from_json(card.learnt, _parted(card.learnt, hashes))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{folder / card.learnt_file.name} is not what {CARD} says of it ({error}); copy the "
            "whole folder again"
        ) from error


def _parted(described: Mapping[str, Any], hashes: "np.ndarray[Any, np.dtype[np.uint64]]") -> Any:  # noqa: ANN401
    ends = np.cumsum([int(described[name]) for name in SETS])
    if ends[-1] != len(hashes):
        raise ValueError(f"{len(hashes)} hashes, expected {ends[-1]}")
    return dict(zip(SETS, np.split(hashes, ends[:-1]), strict=True))
