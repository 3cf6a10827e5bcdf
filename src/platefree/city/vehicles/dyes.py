"""Materials beyond those that every vehicle has: one for each color that an identity brings."""

from platefree.city.scene import Material, Part
from platefree.city.vehicles.colors import Srgb
from platefree.city.vehicles.stuff import Stuff, linear


class Dyes:
    """Gives colors the numbers of materials that follow those of `Stuff`."""

    def __init__(self) -> None:
        self._found: dict[tuple[Srgb, float, Part], int] = {}

    def of(self, color: Srgb, roughness: float = 0.9, part: Part = Part.RIDER) -> int:
        """The material of a color; the same for the same look.

        Args:
            color: sRGB.
            roughness: 0 mirror, 1 matt.
            part: what it belongs to.
        """
        return self._found.setdefault((color, roughness, part), len(Stuff) + len(self._found))

    def materials(self) -> tuple[Material, ...]:
        """All of them, in the order of their numbers."""
        return tuple(
            Material(linear(color), roughness, part=part) for color, roughness, part in self._found
        )
