"""What a file that is no picture is, by its first bytes, so that a message can say so."""

PEEK = 512
"""First bytes that `foreign_kind` looks at."""

_VIDEO = "a video (%s), expected a picture: save frames of it as JPEG or PNG"
_OTHER = "%s, expected a picture: save it as JPEG or PNG"
_PACKED = "%s, expected a picture: unpack it"

_POINTER = "a Git LFS pointer, expected a picture: fetch it with 'git lfs pull'"

_STARTS = (
    (0, b"\x1aE\xdf\xa3", _VIDEO % "MKV or WebM"),
    (0, b"\0\0\x01\xba", _VIDEO % "MPEG"),
    (0, b"\0\0\x01\xb3", _VIDEO % "MPEG"),
    (0, b"FLV\x01", _VIDEO % "FLV"),
    (0, b"0&\xb2u\x8ef\xcf\x11", _VIDEO % "WMV"),
    (8, b"AVI ", _VIDEO % "AVI"),
    (0, b"%PDF", _OTHER % "a PDF"),
    (0, b"8BPS", _OTHER % "a Photoshop file"),
    (0, b"\xff\x0a", _OTHER % "a JPEG XL picture"),
    (0, b"\0\0\0\x0cJXL ", _OTHER % "a JPEG XL picture"),
    (0, b"\0\0\0\x0cjP  ", _OTHER % "a JPEG 2000 picture"),
    (0, b"\0\0\x01\0", _OTHER % "an icon (ICO)"),
    (0, b"PK\x03\x04", _PACKED % "a ZIP archive, or a document stored as one"),
    (0, b"Rar!", _PACKED % "a RAR archive"),
    (0, b"7z\xbc\xaf", _PACKED % "a 7z archive"),
    (0, b"\x1f\x8b", _PACKED % "a gzip archive"),
    (257, b"ustar", _PACKED % "a tar archive"),
    (0, b"version https://git-lfs", _POINTER),
)
_BRANDS = {
    b"crx ": _OTHER % "a raw photograph (CR3)",
    b"qt  ": _VIDEO % "QuickTime",
}


def foreign_kind(start: bytes) -> str:
    """What a file is and what to do with it; empty if it is not known.

    Args:
        start: its first `PEEK` bytes.
    """
    if start[4:8] == b"ftyp":
        return _BRANDS.get(start[8:12], _VIDEO % "MP4")
    if start[:1] == b"G" and start[188:189] == b"G" and start[376:377] == b"G":
        return _VIDEO % "MPEG transport stream"
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "a web page, expected a picture: download the picture itself"
    if text.startswith((b"<svg", b"<?xml")):
        return _OTHER % "XML, perhaps an SVG drawing"
    found = (what for at, magic, what in _STARTS if start[at : at + len(magic)] == magic)
    return next(found, "")
