"""Time of ``platefree data check`` on many small pictures, as a user runs it.

Run ``PYTHONPATH=src python benchmarks/data_checking.py`` (Linux). Every picture is a file of its
own; they were just written, so the disk hardly takes part. JPEGs are plain, as exporters of videos
write them, or have Exif, and are then read by Pillow.
"""

import argparse
import io
import os
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

DRAWN, OF_A_VEHICLE, CAMERAS = 500, 10, 20


def drawn_picture(seed: int, kind: str) -> bytes:
    """A picture of 80 to 420 pixels; a few kB."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (12, 12, 3), np.uint8))
    width, height = random.integers(80, 420, 2).tolist()
    exif = Image.Exif()
    exif[0x0112] = 6
    options = {"exif": exif} if kind == "JPEG with Exif" else {}
    buffer = io.BytesIO()
    coarse.resize((width, height), Image.Resampling.NEAREST).save(
        buffer, kind.partition(" ")[0], **options
    )
    return buffer.getvalue()


def jpeg_comment(number: int) -> bytes:
    """A comment, after the first two bytes of a JPEG."""
    return b"\xff\xfe" + struct.pack(">H", 10) + b"%08d" % number


def png_text(number: int) -> bytes:
    """A text, after the header of a PNG of 33 bytes."""
    chunk = b"tEXtName\0%08d" % number
    return struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))


def write_pictures(folder: Path, count: int, kind: str) -> None:
    """Pictures in a folder for each vehicle, each of other bytes; their names say the camera."""
    drawn = [drawn_picture(seed, kind) for seed in range(DRAWN)]
    for number in range(count):
        vehicle = folder / f"v{number // OF_A_VEHICLE:06d}"
        vehicle.mkdir(parents=True, exist_ok=True)
        content = drawn[number % DRAWN]
        if kind != "PNG":
            content = content[:2] + jpeg_comment(number) + content[2:]
        else:
            content = content[:33] + png_text(number) + content[33:]
        name = f"c{number % CAMERAS:02d}_{number:08d}.{kind.partition(' ')[0].lower()}"
        (vehicle / name).write_bytes(content)


def measure(folder: Path) -> tuple[float, float]:
    """Seconds of the whole verb, and those of the processor."""
    before, start = os.times(), time.perf_counter()
    command = [sys.executable, "-m", "platefree", "data", "check", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    seconds, after = time.perf_counter() - start, os.times()
    spent = after.children_user - before.children_user
    return seconds, spent + after.children_system - before.children_system


def main() -> None:
    """Check folders of pictures of each kind, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, nargs="+", default=[20_000, 100_000])
    counts = parser.parse_args().pictures
    print("| pictures | kind | seconds | of processor |")
    print("|--:|---|--:|--:|")
    for count in counts:
        for kind in ("JPEG", "JPEG with Exif", "PNG"):
            with TemporaryDirectory() as folder:
                write_pictures(Path(folder), count, kind)
                seconds, spent = measure(Path(folder))
            print(f"| {count:,} | {kind} | {seconds:.1f} | {spent:.1f} |", flush=True)


if __name__ == "__main__":
    main()
