"""Pictures from strangers: what is refused, and that whoever decodes them can be killed."""

import hashlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile_pictures import hostile_pictures, saved
from messages import facts

from platefree.errors import ImageError, OversizedImage
from platefree.service.decoder import Decoded, Decoder
from platefree.service.limits import Limits
from platefree.service.uploads import NoSuchPicture, Uploads


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    decoder = Decoder(Limits())
    yield decoder
    decoder.close()


@pytest.fixture
def uploads(tmp_path: Path, decoder: Decoder) -> Uploads:
    return Uploads(tmp_path, decoder, Limits())


@pytest.mark.parametrize("name", hostile_pictures())
def test_hostile_pictures_are_refused_and_leave_nothing(uploads: Uploads, name: str) -> None:
    with pytest.raises(ImageError) as refused:
        uploads.keep("anna", hostile_pictures()[name])
    said = str(refused.value)
    assert said.startswith("the picture")
    assert "\n" not in said
    assert isinstance(refused.value, OversizedImage) == ("squared" in name or "rows" in name)
    assert not list(uploads._folder.iterdir())


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
def test_a_good_picture_is_kept_for_whoever_brought_it(uploads: Uploads, format: str) -> None:
    content = saved(format)
    kept = uploads.keep("anna", content)
    assert kept.decoded == Decoded(64, 48, format)
    assert kept.sha256 == hashlib.sha256(content).hexdigest()
    assert uploads.find("anna", kept.key).path.read_bytes() == content
    for owner, key in (("berta", kept.key), ("anna", "../" + kept.key), ("anna", "0" * 32)):
        with pytest.raises(NoSuchPicture):
            uploads.find(owner, key)
    assert uploads.find("anna", kept.key).sha256 == kept.sha256


def test_the_longest_unused_go_first(tmp_path: Path, decoder: Decoder) -> None:
    content, clock = saved("BMP"), [0.0]
    limits = Limits(kept_bytes=3 * len(content), kept_seconds=100)
    uploads = Uploads(tmp_path, decoder, limits, lambda: clock[0])
    first, second, third = (uploads.keep("anna", content).key for _ in range(3))
    uploads.find("anna", first)
    fourth = uploads.keep("anna", content).key
    with pytest.raises(NoSuchPicture):
        uploads.find("anna", second)
    clock[0] = 99
    uploads.find("anna", third)
    clock[0] = 101
    for gone in (first, fourth):
        with pytest.raises(NoSuchPicture):
            uploads.find("anna", gone)
    assert [path.name for path in tmp_path.iterdir()] == [third]
    clock[0] = 200
    uploads.tidy()  # nobody brings or uses another one
    assert not list(tmp_path.iterdir())


def test_what_takes_too_long_is_killed_and_the_next_is_decoded(tmp_path: Path) -> None:
    decoder = Decoder(Limits(decode_seconds=0.5))
    path = tmp_path / "picture"
    path.write_bytes(saved("PNG"))
    assert decoder.decode(path).width == 64
    (process,) = decoder._idle
    os.kill(process._process.pid, signal.SIGSTOP)  # as one that never ends
    with pytest.raises(ImageError, match=facts("0.5 s")):
        decoder.decode(path)
    assert process.has_ended
    assert decoder.decode(path).width == 64
    os.kill(decoder._idle[0]._process.pid, signal.SIGKILL)
    decoder._idle[0]._process.wait()
    assert decoder.decode(path).width == 64
    decoder.close()


def test_a_decoder_may_not_take_all_memory(tmp_path: Path) -> None:
    import numpy as np
    from PIL import Image

    path = tmp_path / "large.png"
    Image.fromarray(np.zeros((4_500, 4_500), np.uint8)).convert("RGBA").save(path, compress_level=1)
    small = Decoder(Limits(decode_bytes=200 << 20))
    large = Decoder(Limits())
    assert large.decode(path) == Decoded(4_500, 4_500, "PNG")
    with pytest.raises(ImageError):
        small.decode(path)
    small.close()
    large.close()
