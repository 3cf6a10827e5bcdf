"""Recall, precision and average precision of detections, against direct loops."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from conftest import REPOSITORY
from messages import facts

from platefree.data.frame_boxes import KINDS, read_frame_boxes
from platefree.errors import DataError
from platefree.evaluation.detection import (
    Detections,
    Labelled,
    overlaps,
    score_detections,
)

Box = tuple[float, ...]


def iou(one: Box, other: Box) -> float:
    """By counting the unit squares of boxes with whole corners."""
    squares = [
        {(x, y) for x in range(int(b[0]), int(b[2])) for y in range(int(b[1]), int(b[3]))}
        for b in (one, other)
    ]
    return len(squares[0] & squares[1]) / len(squares[0] | squares[1])


def half_inside(one: Box, other: Box) -> bool:
    squares = [
        {(x, y) for x in range(int(b[0]), int(b[2])) for y in range(int(b[1]), int(b[3]))}
        for b in (one, other)
    ]
    return 2 * len(squares[0] & squares[1]) >= len(squares[0])


def longer(box: Box) -> float:
    return max(box[2] - box[0], box[3] - box[1])


def slow(
    found: list[list[tuple[float, Box]]],
    labelled: list[list[tuple[bool, Box]]],
    sides: tuple[float, float],
) -> tuple[list[tuple[float, bool]], int]:
    """Score and hit of every detection that counts, and the number of labels, one by one."""
    results, expected = [], 0
    for detections, labels in zip(found, labelled, strict=True):
        good = [b for ignore, b in labels if not ignore and sides[0] <= longer(b) < sides[1]]
        rest = [b for ignore, b in labels if ignore or not sides[0] <= longer(b) < sides[1]]
        expected += len(good)
        for score, box in sorted(detections, key=lambda each: -each[0]):
            nearest = max(good, key=lambda b: iou(box, b), default=None)
            if nearest is not None and iou(box, nearest) >= 0.5:
                good.remove(nearest)
                results.append((score, True))
            elif sides[0] <= longer(box) < sides[1] and not any(half_inside(box, b) for b in rest):
                results.append((score, False))
    return sorted(results, key=lambda each: -each[0]), expected


def draw(random: np.random.Generator, count: int) -> list[Box]:
    corners = random.integers(0, 24, (count, 2))
    sizes = random.integers(3, 14, (count, 2))
    return [tuple(map(float, row)) for row in np.hstack([corners, corners + sizes])]


@pytest.mark.parametrize("sides", [(0.0, float("inf")), (6.0, 12.0)])
def test_every_detection_is_judged_as_by_loops(sides: tuple[float, float]) -> None:
    random = np.random.default_rng(5)
    found: list[list[tuple[float, Box]]] = []
    labelled: list[list[tuple[bool, Box]]] = []
    for _ in range(60):
        labels = draw(random, int(random.integers(0, 5)))
        near = [
            (b[0] + int(random.integers(-2, 3)), b[1], b[2] + int(random.integers(-1, 3)), b[3])
            for b in labels
        ]
        near = [b for b in near if b[0] < b[2]]
        boxes = near + draw(random, int(random.integers(0, 4)))
        scores = random.permutation(100)[: len(boxes)] / 100 + len(found) * 1e-4
        found.append(list(zip(scores.tolist(), boxes, strict=True)))
        labelled.append([(bool(random.random() < 0.3), b) for b in labels])
    results, expected = slow(found, labelled, sides)
    score = score_detections(
        [
            Detections(
                np.array([b for _, b in each]).reshape(-1, 4), np.array([s for s, _ in each])
            )
            for each in found
        ],
        [
            Labelled(
                np.array([b for _, b in each]).reshape(-1, 4), np.array([i for i, _ in each], bool)
            )
            for each in labelled
        ],
        sides=sides,
    )
    assert score.expected == expected
    assert list(zip(score.score.tolist(), score.hit.tolist(), strict=True)) == results
    for threshold in (0.0, 0.35, 0.8, 2.0):
        kept = [hit for each, hit in results if each >= threshold]
        recall, precision = score.at(threshold)
        assert recall == sum(kept) / expected
        assert precision == sum(kept) / len(kept) if kept else np.isnan(precision)
    assert score.average_precision() == pytest.approx(slow_area(results, expected))
    assert score.recall_at(0.5) == slow_recall(results, expected, 0.5)


def slow_area(results: list[tuple[float, bool]], expected: int) -> float:
    """Rectangles under the best precision at each recall or above."""
    points = []
    for count in range(1, len(results) + 1):
        hits = sum(hit for _, hit in results[:count])
        points.append((hits / expected, hits / count))
    steps = sorted({0.0, *(recall for recall, _ in points)})
    return sum(
        (high - low) * max(precision for recall, precision in points if recall >= high)
        for low, high in pairwise(steps)
    )


def slow_recall(
    results: list[tuple[float, bool]], expected: int, wanted: float
) -> tuple[float, float]:
    best = (0.0, float("inf"))
    for threshold in sorted({score for score, _ in results}, reverse=True):
        kept = [hit for score, hit in results if score >= threshold]
        if sum(kept) / len(kept) >= wanted and sum(kept) / expected > best[0]:
            best = (sum(kept) / expected, threshold)
    return best


def test_a_second_box_on_a_vehicle_is_a_false_alarm() -> None:
    boxes = np.array([[0.0, 0, 10, 10], [0.0, 0, 10, 9]])
    score = score_detections(
        [Detections(boxes, np.array([0.9, 0.8]))],
        [Labelled(boxes[:1], np.zeros(1, np.bool_))],
    )
    assert score.hit.tolist() == [True, False]


def test_nothing_found_and_nothing_labelled() -> None:
    nothing = Detections(np.zeros((0, 4)), np.zeros(0))
    empty = Labelled(np.zeros((0, 4)), np.zeros(0, np.bool_))
    score = score_detections([nothing], [empty])
    assert np.isnan([*score.at(0.5), score.average_precision()]).all()
    assert score.recall_at(0.9) == (0.0, float("inf"))
    assert overlaps(np.zeros((0, 4)), np.zeros((2, 4))).shape == (0, 2)
    with pytest.raises(DataError, match=facts(1, 2)):
        score_detections([nothing], [empty, empty])


@pytest.mark.parametrize(
    ("name", "size", "step", "frames"),
    [("street", (640, 352), 9, 100), ("overhead", (768, 432), 12, 30)],
)
def test_the_labels_of_real_frames(
    name: str, size: tuple[int, int], step: int, frames: int
) -> None:
    """What their page says of them: which frames, how small, and no vehicle boxed twice."""
    labels = read_frame_boxes(REPOSITORY / "benchmarks" / f"{name}_labels.csv")
    assert labels.frame.tolist() == [str(step * each) for each in range(frames)]
    assert (labels.box >= 0).all()
    assert (labels.box <= [*size, *size]).all()
    counted = labels.box[~labels.ignore]
    assert (counted[:, 2:] - counted[:, :2]).max(axis=1).min() >= 24
    assert {KINDS[kind] for kind in labels.kind} <= {"car", "truck"}
    for place in range(frames):
        own = labels.of(place)
        boxes = labels.box[own[~labels.ignore[own]]]
        assert (overlaps(boxes, boxes) - np.eye(len(boxes))).max(initial=0) < 0.5


def test_a_malformed_file_of_frame_boxes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "boxes.csv"
    head = "frame,left,top,right,bottom,class,ignore\n"
    for text, line in (
        ("a.jpg,1,2,3,4,lorry,0\n", "lorry"),
        ("a.jpg,3,2,1,4,car,0\n", "3, 2, 1, 4"),
        ("a.jpg,1,2,nan,4,car,0\n", "nan"),
        ("a.jpg,1,x,3,4,car,0\n", "x"),
        ("a.jpg,1,2,3,4,car,maybe\n", "maybe"),
        (",1,2,3,4,car,0\n", "frame"),
    ):
        path.write_text(head + text)
        with pytest.raises(DataError, match=facts("line 2", line)):
            read_frame_boxes(path)
    path.write_text(head)
    with pytest.raises(DataError, match=facts("frame", str(path))):
        read_frame_boxes(path)


def test_a_frame_without_a_vehicle_is_a_labelled_frame(tmp_path: Path) -> None:
    path = tmp_path / "boxes.csv"
    path.write_text(
        "frame,left,top,right,bottom,class\nb.jpg,,,,,\na.jpg,1,2,3,4.5,plate\na.jpg,0,0,9,9,bus\n"
    )
    read = read_frame_boxes(path)
    assert read.frame.tolist() == ["b.jpg", "a.jpg"]
    assert read.place.tolist() == [1, 1]
    assert [KINDS[kind] for kind in read.kind] == ["plate", "bus"]
    assert read.box.tolist() == [[1, 2, 3, 4.5], [0, 0, 9, 9]]
    assert not read.ignore.any()
    assert read.of(0).tolist() == []
