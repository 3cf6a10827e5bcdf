"""HEIC, the pictures of many telephones: read where ``platefree[heic]`` is installed."""

from pathlib import Path

from platefree.errors import ImageError

_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs")
_FAMILY = (b"mif1", b"msf1")  # AVIF too; the brands that follow say which


def is_heic(start: bytes) -> bool:
    """Whether a file that starts so, in its first 64 bytes, is HEIC."""
    if start[4:8] != b"ftyp":
        return False
    length = int.from_bytes(start[:4], "big")
    first, others = start[8:12], start[16:length]
    named = any(others[place : place + 4] in _BRANDS for place in range(0, len(others), 4))
    return first in _BRANDS or (first in _FAMILY and named)


def register_heic(path: str | Path) -> None:
    """Let Pillow read HEIC.

    Args:
        path: the picture that needs it, for the message.

    Raises:
        ImageError: the package for it is not installed.
    """
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        raise ImageError(
            f"{path} is HEIC, which needs one more package: run pip install 'platefree[heic]' "
            "(in a checkout of platefree: pip install '.[heic]'), or convert it to JPEG"
        ) from error
    register_heif_opener()
