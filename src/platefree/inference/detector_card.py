"""The card of an exported detector, in a folder like those of other models.

It describes the whole way from a frame to boxes, so that the folder runs without torch: how a frame
is letterboxed, what the network takes and gives, how its outputs become boxes, and which stay.
`platefree.inference.box_decoding` does what it describes.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from platefree.checkpoint import CARD
from platefree.data.frame_boxes import KINDS
from platefree.errors import CheckpointError
from platefree.inference.model_card import (
    FileCard,
    FolderCard,
    ModelCard,
    Name,
    card_content,
    check_seal,
    read_model_card,
)
from platefree.inputs.complaints import checked
from platefree.recipes.ranges import Side

Fraction = Annotated[float, Field(ge=0, le=1)]
Level = Annotated[float, Field(ge=0, le=255)]
Stride = Annotated[int, Field(ge=1, le=1024)]


class Apart(BaseModel):
    """How far it is from torch, over the positions that may hold something.

    Attributes:
        worst: over the positions of all frames that were compared.
        mean: over them.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="allow", allow_inf_nan=False)

    worst: Fraction
    mean: Fraction


class DetectorCard(FolderCard):
    """The content of ``card.json`` of a detector.

    Attributes:
        name: of its recipe.
        file: the ONNX file: ``pictures``, (b, 3, h, w) float32 RGB levels of 0 to 255, in; logits
            ``quality`` (b, n, classes) and ``sides`` (b, n, 4, bins) out.
        classes: names of the classes, in the order of the network.
        longest: longer side in pixels to which larger frames are shrunk.
        multiple: of the sides of what the network takes, in pixels.
        mean: of the channels, in levels of 0 to 255, which frames are padded with.
        strides: of the n positions, those of the first before those of the next, row by row.
        bins: a distance is a mean of 0, 1, ..., bins - 1 strides.
        threshold: the score from which a box counts, unless another one is asked for.
        parity: ``scores`` -> differences of scores, ``boxes`` -> 1 - intersection over union.
    """

    task: Literal["detect"] = "detect"
    name: Name
    file: FileCard
    classes: Annotated[list[Name], Field(min_length=1, max_length=len(KINDS))]
    longest: Side
    multiple: Stride
    mean: Annotated[list[Level], Field(min_length=3, max_length=3)]
    strides: Annotated[list[Stride], Field(min_length=1, max_length=16)]
    bins: Annotated[int, Field(ge=2, le=1024)]
    threshold: Fraction
    parity: dict[Literal["scores", "boxes"], Apart] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        unknown = [name for name in self.classes if name not in KINDS]
        if unknown:
            raise ValueError(f"class {unknown[0]!r}, expected some of {', '.join(KINDS)}")
        if len(set(self.classes)) != len(self.classes):
            raise ValueError(f"a class is named twice: {', '.join(self.classes)}")
        if any(self.multiple % stride for stride in self.strides):
            raise ValueError(
                f"sides are multiples of {self.multiple}, which the strides {self.strides} do not "
                "all divide"
            )
        return self

    def network_files(self) -> list[FileCard]:
        """The one network."""
        return [self.file]

    def deciding(self) -> Any:  # noqa: ANN401
        """What decides a box."""
        names = {"task", "fingerprint", "precision", "learns", "learnt_file", "file", "classes"}
        names |= {"longest", "multiple", "mean", "strides", "bins", "threshold"}
        return self.model_dump(include=names)


def read_detector_card(folder: Path) -> DetectorCard:
    """Read the card of an exported detector.

    Raises:
        CheckpointError: there is none, it is damaged, changed, or of a newer version, or the model
            is no detector.
    """
    content = card_content(folder)
    if content.get("task", "embed") != "detect":
        raise CheckpointError(
            f"{folder} embeds pictures and detects nothing, expected a detector: give one that was "
            "exported from a vehicle_detector run ('platefree export')"
        )
    card = checked(DetectorCard, content, f"the card {folder / CARD}", error=CheckpointError)
    check_seal(card, folder / CARD)
    return card


def read_card(folder: Path) -> ModelCard | DetectorCard:
    """Read the card of a model folder, of whatever task.

    Raises:
        CheckpointError: there is none, or it is damaged, changed, or of a newer version.
    """
    if card_content(folder).get("task") == "detect":
        return read_detector_card(folder)
    return read_model_card(folder)
