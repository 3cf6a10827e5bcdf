"""The card of an embeddings folder, ``embeddings.json``: what is stored, and in which files."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    StringConstraints,
    ValidationError,
    model_validator,
)

from platefree.errors import DataError, StorageError
from platefree.inputs.documents import read_json
from platefree.inputs.plain_files import MB, Expected, require_utf8
from platefree.ranking.comparison import ONLY_SPACE, Comparison
from platefree.storage.disk import TEMPORARY, storage_errors
from platefree.types import Embeddings

CARD = "embeddings.json"
TABLE = "sightings"
CONTENT = "content"
FORMAT: Final = "platefree-embeddings"
VERSION: Final = 3

AGAIN = "run 'platefree embed' again"

_CARD_FILE = Expected("the card of an embeddings folder", 16 * MB)
_SPACE = r"[A-Za-z0-9_-]{1,64}"
_FILE = re.compile(rf"{_SPACE}-[0-9a-f]{{16}}\.(npy|parquet)")

SpaceName = Annotated[str, StringConstraints(pattern=rf"^{_SPACE}$")]
FileName = Annotated[str, StringConstraints(pattern=rf"^{_FILE.pattern}$")]


class EmbeddingsCard(BaseModel):
    """The content of ``embeddings.json``.

    Attributes:
        format: of the folder.
        version: of the format; 1 had no ``comparison``, 1 and 2 named no files and had no content.
        model: fingerprint of the model.
        comparison: how the spaces combine, as `Comparison.to_json` describes it.
        model_path: where the model was loaded from.
        spaces: space -> dimensions.
        rows: number of sightings.
        root: absolute path of the folder that the pictures' paths start from.
        root_from_here: the same folder, relative to the embeddings folder.
        table: fingerprint of the sightings.
        space_files: space -> file; the name of a file holds its hash, here and below.
        table_file: of the sightings.
        content_file: of the contents of the pictures.
    """

    model_config = ConfigDict(strict=True, frozen=True)

    format: Literal["platefree-embeddings"] = FORMAT
    version: Literal[1, 2, 3] = VERSION
    model: str
    comparison: dict[str, Any] | None = None
    model_path: str | None
    spaces: Annotated[dict[SpaceName, PositiveInt], Field(min_length=1)]
    rows: NonNegativeInt
    root: str
    root_from_here: str | None = None
    table: str
    space_files: dict[SpaceName, FileName] = Field(default_factory=dict)
    table_file: FileName | None = None
    content_file: FileName | None = None

    @model_validator(mode="after")
    def _names_all_files(self) -> Self:
        named = set(self.space_files) == set(self.spaces) and self.table_file and self.content_file
        if self.version == VERSION and not named:
            raise ValueError("it does not name the files of all spaces, sightings and contents")
        return self

    def file_of(self, space: str) -> str:
        """The file of a space."""
        return self.space_files.get(space, f"{space}.npy")

    @property
    def sightings_file(self) -> str:
        """The file of the sightings."""
        return self.table_file or f"{TABLE}.parquet"

    def own_files(self) -> set[str]:
        """The files that the card names, and itself."""
        named = {CARD, self.sightings_file, *map(self.file_of, self.spaces)}
        return named | ({self.content_file} if self.content_file else set())


def read_card(folder: Path) -> EmbeddingsCard:
    """Read the card of a folder.

    Raises:
        DataError: there is none, or it is damaged or of a newer version.
    """
    require_utf8(folder.absolute(), _CARD_FILE)
    path = folder / CARD
    try:
        card = read_json(path, _CARD_FILE)
    except DataError as error:
        raise DataError(
            f"{folder} is not a complete embeddings folder: {error}; {AGAIN}"
        ) from error
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise DataError(
            f"{path} is not the card of an embeddings folder; 'platefree embed' makes one"
        )
    version = card.get("version")
    if isinstance(version, int) and version > VERSION:
        raise DataError(
            f"{path} has version {version}, this platefree reads up to {VERSION}: "
            f"upgrade platefree, or {AGAIN}"
        )
    try:
        return EmbeddingsCard.model_validate(card)
    except ValidationError as error:
        raise DataError(f"{path} is damaged: {first_problem(error)}; {AGAIN}") from error


def described(comparison: Comparison, embeddings: Embeddings) -> dict[str, Any] | None:
    """The comparison for a card; None if nobody said how several spaces combine."""
    is_unknown = comparison == ONLY_SPACE and len(embeddings.spaces) > 1
    return None if is_unknown else comparison.to_json()


def check_replaceable(folder: Path) -> None:
    """Refuse to write embeddings into a folder that holds anything else.

    Raises:
        StorageError: it does, or is a file, or cannot be listed.
    """
    require_utf8(folder.absolute(), _CARD_FILE)
    if not folder.exists():
        return
    if not folder.is_dir():
        raise StorageError(f"{folder} is a file; choose another folder for the embeddings")
    with storage_errors(folder):
        names = {entry.name for entry in folder.iterdir()}
    foreign = sorted(names - set(own_names(folder, names)))
    if foreign:
        raise StorageError(
            f"{folder} holds files that are not embeddings ({foreign[0]}) and would be lost; "
            "choose another folder, or remove it first"
        )


def own_names(folder: Path, names: Iterable[str]) -> list[str]:
    """Those of some names in a folder that embeddings gave, also a killed run's or a damaged one's.

    Names without a hash in them, as older versions gave, only count beside a card.
    """
    former = _former_files(folder)
    return [
        name
        for name in names
        if name in former or _FILE.fullmatch(name) or name.startswith(TEMPORARY)
    ]


def _former_files(folder: Path) -> set[str]:
    """The card and what it may name, if it is one of platefree."""
    try:
        card = read_json(folder / CARD, _CARD_FILE)
    except DataError:
        return set()
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        return set()
    spaces = card.get("spaces")
    names = (f"{name}.npy" for name in (spaces if isinstance(spaces, dict) else ()))
    return {CARD, f"{TABLE}.parquet", *names}


def first_problem(error: ValidationError) -> str:
    """The first complaint of pydantic, in one line."""
    problem = error.errors()[0]
    place = ".".join(str(part)[:60] for part in problem["loc"])
    return f"{place or 'the card'}: {problem['msg']}"
