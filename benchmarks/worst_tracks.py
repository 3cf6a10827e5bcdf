"""A sheet of the worst tracks of a film, to look at: those that the detector is least sure of.

    python benchmarks/worst_tracks.py street.mp4 --detector models/vehicles --out worst.jpg

A row for each: the frame of its best picture with box and path, and its pictures with their plates
masked (``--keep-plates`` shows them). Without the truth nobody knows which tracks are wrong: the
average score of a track's boxes is what tells best, ``--all`` draws all of them.
"""

import argparse
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from platefree.data.frame_boxes import KINDS
from platefree.data.thumbnail import fitted
from platefree.inference.detector_loading import load_detector
from platefree.video.film_detection import seen_in
from platefree.video.follower import follow
from platefree.video.footage import Sampling, open_footage
from platefree.video.overlap_tracker import OverlapTracker
from platefree.video.plate_masks import PlateMasks
from platefree.video.tracks import Track

GIVEN = 0.1  # lowest score of the boxes that the tracker is given
SCENE, PICTURE, GAP, LINE = (480, 270), (200, 200), 12, 20


def main() -> None:
    """Draw the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("film", type=Path)
    parser.add_argument("--detector", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--keep-plates", action="store_true")
    parser.add_argument("--every", type=float, default=0.1, help="seconds between frames")
    parser.add_argument("--until", type=float, default=float("inf"), help="seconds of the film")
    options = parser.parse_args()
    detector = load_detector(options.detector)
    sampling = Sampling(every=options.every, until=options.until)
    with open_footage(str(options.film)) as footage:
        seen = seen_in(footage, detector, sampling, threshold=GIVEN)
        tracks = sorted(follow(seen, OverlapTracker()), key=certainty)
    chosen = tracks if options.all else tracks[: options.count]
    if not options.keep_plates:
        masks = PlateMasks(detector)
        chosen = [masks.masked_track(track) for track in chosen]
    sheet_of(chosen).save(options.out, quality=90)
    print(f"{len(chosen)} of {len(tracks)} tracks: {options.out}")


def certainty(track: Track) -> float:
    """The average score of its boxes."""
    return float(track.kinds.sum()) / track.boxes


def sheet_of(tracks: list[Track]) -> Image.Image:
    """A row for each track."""
    most = max((len(track.pictures) for track in tracks), default=0)
    width = 2 * GAP + SCENE[0] + most * (PICTURE[0] + GAP)
    high = SCENE[1] + LINE + GAP
    sheet = Image.new("RGB", (width, GAP + len(tracks) * high), "#ffffff")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for row, track in enumerate(tracks):
        top = GAP + row * high
        said = (
            f"{track.number}: {KINDS[track.kind]}, {track.boxes} boxes of {certainty(track):.2f} "
            f"on average, {track.first:.1f} to {track.last:.1f} s"
        )
        pen.text((GAP, top), said, fill="#1c2127", font=font)
        sheet.paste(scene_of(track), (GAP, top + LINE))
        for place, picture in enumerate(track.pictures):
            left = 2 * GAP + SCENE[0] + place * (PICTURE[0] + GAP)
            small = fitted(Image.fromarray(picture.crop), *PICTURE)
            sheet.paste(small, (left, top + LINE))
            at = f"{picture.time:.1f} s, {picture.quality:.2f}, {picture.crop.shape[1]} wide"
            pen.text((left, top + LINE + PICTURE[1] + 4), at, fill="#5a6370", font=font)
    return sheet


def scene_of(track: Track) -> Image.Image:
    """The frame of the best picture, with its box and the path."""
    whole = Image.fromarray(track.scene)
    pen = ImageDraw.Draw(whole)
    pen.line([tuple(point) for point in track.path[:, 1:3].tolist()], fill="#ffffff", width=2)
    pen.rectangle(tuple(track.pictures[0].box.tolist()), outline="#ff5a36", width=2)
    return fitted(whole, *SCENE)


if __name__ == "__main__":
    main()
