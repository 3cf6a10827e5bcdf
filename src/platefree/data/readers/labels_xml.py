"""Label files of VeRi-776, CityFlow and VehicleX: gb2312 XML, an ``<Item>`` for each picture."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.parsers import expat

from platefree.data.listed_text import read_text
from platefree.errors import DataError


@dataclass(frozen=True)
class Item:
    """One picture of a label file.

    Attributes:
        line: its line number.
        image: name of the picture.
        labels: attribute -> value, without white space around it.
    """

    line: int
    image: str
    labels: Mapping[str, str]

    def known(self, name: str) -> str:
        """A label, empty where the file does not give it or says a negative number."""
        value = self.labels.get(name, "")
        return "" if value.startswith("-") else value


def read_items(path: Path) -> list[Item]:
    """The items of a label file, in its order.

    Decided: the text is decoded before it is parsed, since Python's parser does not know gb2312.

    Raises:
        DataError: it is not XML, or an item has no ``imageName``; the message names the line.
    """
    items: list[Item] = []
    parser = expat.ParserCreate()

    def start(element: str, attributes: Mapping[str, str]) -> None:
        if element.lower() != "item":
            return
        labels = {name: value.strip() for name, value in attributes.items()}
        image = labels.pop("imageName", "")
        if not image:
            line = parser.CurrentLineNumber
            raise DataError(f"{path}, line {line}: an Item without imageName, expected its picture")
        items.append(Item(parser.CurrentLineNumber, image, labels))

    def entity(name: str, *_: object) -> None:
        line = parser.CurrentLineNumber
        raise DataError(f"{path}, line {line}: the entity {name[:40]!r}, expected plain labels")

    parser.StartElementHandler = start
    parser.EntityDeclHandler = entity
    try:
        parser.Parse(read_text(path).lstrip(), True)
    except expat.ExpatError as error:
        reason = expat.errors.messages[error.code]
        raise DataError(
            f"{path}, line {error.lineno}: not XML ({reason}): unpack or copy it again"
        ) from error
    return items
