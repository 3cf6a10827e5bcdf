"""Files that often lie beside pictures and are none."""

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
