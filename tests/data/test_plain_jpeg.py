"""Headers that are read without Pillow say what Pillow says."""

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, JpegImagePlugin

from platefree.data.image import ImageHeader, limit_of, read_header
from platefree.data.plain_jpeg import PlainJpeg, plain_jpeg
from platefree.errors import OversizedImage


def jpeg(mode: str = "RGB", size: tuple[int, int] = (50, 40), **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size, 90).save(buffer, "JPEG", **options)
    return buffer.getvalue()


PLAIN = {
    "color": jpeg(),
    "grey": jpeg("L"),
    "one pixel": jpeg(size=(1, 1)),
    "of high quality": jpeg(quality=100),
    "with full color": jpeg(subsampling=0),
    "with tables of its own": jpeg(optimize=True),
    "with a comment": jpeg(comment=b"camera 7"),
    "with a density": jpeg(dpi=(72, 72)),
    "with restarts": jpeg(restart_marker_blocks=2),
}
OTHERS = {
    "progressive": jpeg(progressive=True),
    "CMYK": jpeg("CMYK"),
    "turned": jpeg(exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"),
    "with a profile": jpeg(icc_profile=b"of a screen"),
    "a PNG": b"\x89PNG\r\n\x1a\n",
    "nothing": b"",
}


def by_pillow(content: bytes) -> PlainJpeg:
    image = JpegImagePlugin.jpeg_factory(io.BytesIO(content), "")
    assert image.format == "JPEG"
    assert not image.info.get("progression")
    assert image.getexif().get(0x0112, 1) == 1
    return PlainJpeg(*image.size, image.mode)


@pytest.mark.parametrize("kind", PLAIN)
def test_usual_pictures_are_read_without_pillow(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = by_pillow(PLAIN[kind])
    path = tmp_path / "1.jpg"
    path.write_bytes(PLAIN[kind])
    monkeypatch.setattr(Image, "OPEN", {})
    assert read_header(path) == ImageHeader(expected[0], expected[1], "JPEG", expected[2])


@pytest.mark.parametrize("kind", OTHERS)
def test_others_are_left_to_pillow(kind: str) -> None:
    assert plain_jpeg(OTHERS[kind]) is None


@pytest.mark.parametrize("kind", PLAIN)
def test_a_header_cut_short_is_left_to_pillow(kind: str) -> None:
    content = PLAIN[kind]
    scan = content.index(b"\xff\xda")
    whole = scan + 2 + int.from_bytes(content[scan + 2 : scan + 4], "big")
    assert plain_jpeg(content[:whole]) is not None
    assert all(plain_jpeg(content[:length]) is None for length in range(whole))


places = st.integers(0, 700)
values = st.one_of(
    st.sampled_from([0, 1, 2, 4, 8, 17, 255, 0xC0, 0xC2, 0xC4, 0xDA, 0xDB, 0xE0, 0xE1, 0xFE]),
    st.integers(0, 255),
)
near_markers = st.tuples(st.integers(0, 12), st.integers(0, 20))


@settings(deadline=None, max_examples=1000)
@given(
    kind=st.sampled_from(sorted(PLAIN)),
    changed=st.lists(st.tuples(near_markers | places, values), max_size=4),
    cut=st.none() | st.tuples(places, st.integers(1, 80)),
)
def test_of_damaged_pictures_it_says_what_pillow_says_or_nothing(
    kind: str, changed: list[tuple[int | tuple[int, int], int]], cut: tuple[int, int] | None
) -> None:
    content = bytearray(PLAIN[kind])
    markers = [at for at, byte in enumerate(content) if byte == 0xFF]
    for place, value in changed:
        at = place if isinstance(place, int) else markers[place[0] % len(markers)] + place[1]
        if at < len(content):
            content[at] = value
    if cut is not None:
        del content[cut[0] : cut[0] + cut[1]]
    found = plain_jpeg(bytes(content))
    if found is not None:
        assert found == by_pillow(bytes(content))


def test_a_plain_picture_can_be_too_large(tmp_path: Path) -> None:
    content = jpeg()
    frame = content.index(b"\xff\xc0")
    size = (50_000).to_bytes(2, "big") * 2
    path = tmp_path / "1.jpg"
    path.write_bytes(content[: frame + 5] + size + content[frame + 9 :])
    with pytest.raises(OversizedImage, match=f"50,000 x 50,000.*{limit_of('JPEG'):,}"):
        read_header(path)
