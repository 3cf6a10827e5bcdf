"""Which files are pictures, by their names, and where they lie in a folder."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

IMAGE_SUFFIXES = (
    ".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif",
    ".ppm", ".pgm", ".heic", ".heif",
)  # fmt: skip
"""Endings, in lower case, of the files that count as pictures when a folder is searched."""

FILM_SUFFIXES = (
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg",
    ".flv", ".f4v", ".wmv", ".asf", ".3gp", ".ogv", ".dav", ".h264", ".264", ".h265", ".265",
    ".hevc", ".mjpeg", ".mjpg",
)  # fmt: skip
"""Endings, in lower case, of the files that count as films."""

_ENDINGS = (
    *(".txt", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".toml", ".ini", ".cfg"),
    *(".parquet", ".arrow", ".feather", ".mat", ".npy", ".npz", ".h5", ".hdf5", ".pkl", ".db"),
    *(".sqlite", ".xls", ".xlsx", ".ods", ".doc", ".docx", ".pdf", ".md", ".rst", ".html", ".htm"),
    *(".log", ".py", ".ipynb", ".sh", ".bat", ".m", ".pt", ".pth", ".onnx", ".safetensors"),
    *(".lnk", ".url", ".md5", ".sha1", ".sha256", ".tmp", ".lock", ".srt", ".geojson", ".kml"),
)
_NAMES = ("readme", "license", "licence", "copying", "notice", "authors", "changelog", "makefile")


def is_no_picture(name: str) -> bool:
    """Whether nobody would take a file for a picture or a video, by its name."""
    return name.lower().endswith(_ENDINGS) or name.lower() in _NAMES


def find_pictures(
    folder: str | Path, *, depth: int, passed_over: Counter[str] | None = None
) -> Iterator[tuple[str, ...]]:
    """Pictures in a folder, by suffix, as the parts of their paths relative to it.

    They are sorted. Hidden files and folders are skipped, and whatever is more than ``depth``
    folders down; links to folders are followed.

    Args:
        folder: where to search.
        depth: how many folders down.
        passed_over: counts the files that may be pictures too but have another ending, by that, and
            the folders that are too far down.

    Raises:
        OSError: a folder cannot be listed.
    """
    with os.scandir(folder) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)
    for entry in entries:
        if entry.name.startswith((".", "__MACOSX")):
            continue
        if not entry.is_dir():
            if entry.name.lower().endswith(IMAGE_SUFFIXES):
                yield (entry.name,)
            elif passed_over is not None and not is_no_picture(entry.name):
                passed_over[os.path.splitext(entry.name)[1].lower() or "without an ending"] += 1
        elif depth > 0:
            for parts in find_pictures(entry.path, depth=depth - 1, passed_over=passed_over):
                yield (entry.name, *parts)
        elif passed_over is not None:
            passed_over["folder further down"] += 1
