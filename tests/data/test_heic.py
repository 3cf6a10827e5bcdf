"""HEIC is read with its package and refused with the command that installs it without."""

import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import Run
from messages import facts, says
from PIL import Image

from platefree.data.heic import is_heic
from platefree.data.image import read_header, read_image
from platefree.data.table import read_table
from platefree.errors import ImageError


def box(brand: bytes, *others: bytes) -> bytes:
    content = b"ftyp" + brand + b"\0\0\0\0" + b"".join(others)
    return (4 + len(content)).to_bytes(4, "big") + content


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    heif = pytest.importorskip("pillow_heif")
    rows, columns = np.mgrid[:60, :80]
    pixels = np.stack([rows * 4, columns * 3, 0 * rows + 90], axis=2).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    heif.register_heif_opener()
    Image.fromarray(pixels).save(tmp_path / "a.heic", quality=95, exif=exif.tobytes())
    return tmp_path / "a.heic"


def test_by_its_first_bytes() -> None:
    for yes in (box(b"heic"), box(b"heix", b"mif1"), box(b"mif1", b"mif1", b"heic")):
        assert is_heic(yes)
    for no in (box(b"avif", b"mif1"), box(b"mif1", b"avif"), box(b"isom"), b"", b"\xff\xd8heic"):
        assert not is_heic(no)


def test_it_is_read_upright(photo: Path) -> None:
    header = read_header(photo)
    assert (header.width, header.height, header.format) == (60, 80, "HEIF")
    picture = np.asarray(read_image(photo)).astype(int)
    assert picture.shape == (80, 60, 3)
    rows, columns = np.mgrid[:80, :60]
    expected = np.stack([(59 - columns) * 4, rows * 3, 0 * rows + 90], axis=2)  # a quarter turn
    assert np.abs(picture - expected).mean() < 5


def test_without_its_package(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    photo.rename(photo.with_suffix(".jpg"))  # the content decides
    for read in (read_header, read_image):
        with pytest.raises(
            ImageError, match=facts("a.jpg", "HEIC", "pip install 'platefree[heic]'")
        ):
            read(photo.with_suffix(".jpg"))


def test_it_counts_as_a_picture(photo: Path, run: Run) -> None:
    assert read_table(photo.parent).image.tolist() == ["a.heic"]
    code, out, _ = run("data", "check", photo.parent)
    assert code == 0
    assert says(out, "60 to 60")


def test_what_is_passed_over_is_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    others = ["7/a.cr2", "7/b.CR2", "8/c.mp4", "8/IMG_0001", "d.jxl", "7/a/b/c/d/e.jpg"]
    usual = ["notes.txt", "7/Thumbs.db", "README", "8/labels.JSON", ".hidden", "8/.DS_Store"]
    for name in ("7/a.jpg", "8/b.jpg", *others, *usual):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert read_table(tmp_path).vehicle.tolist() == ["7", "8"]
    assert says(caplog.text, "2 .cr2", "1 .mp4", "1 .jxl", "1 without an ending", "1 folder")
    assert len(caplog.records) == 1
    assert not any(word in caplog.text for word in (".txt", ".db", "README", ".json", "hidden"))


def test_nothing_passed_over_is_not_mentioned(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a.jpg", "notes.txt"):
        (tmp_path / name).touch()
    read_table(tmp_path)
    assert not caplog.records


def test_no_refusal_shows_what_a_file_holds(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"owner:x:0:0:hunter2")
    (tmp_path / "t.csv").write_text("image\nsecret\n")
    table = read_table(tmp_path / "t.csv")
    with pytest.raises(ImageError) as refused:
        read_image(table.path(0))
    assert says(str(refused.value), "secret", "as a picture", "JPEG")
    assert "owner" not in str(refused.value)
    assert "hunter" not in str(refused.value)
