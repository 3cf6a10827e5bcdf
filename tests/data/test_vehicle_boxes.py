"""Tight boxes of vehicles: from files, from a city, from a detector."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from messages import facts
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor
from torchvision.models.detection import ssdlite320_mobilenet_v3_large

import platefree as pf
from platefree.data.vehicle_boxes import find_vehicle_boxes, read_vehicle_boxes
from platefree.errors import DataError, ImageError, RecipeError, TrainingError
from platefree.evaluation.evaluate import Scoring
from platefree.inference.vehicle_finding import find_vehicles, load_detector
from platefree.work import Work

NAME = "torchvision:ssdlite320_mobilenet_v3_large"


@pytest.fixture
def pictures(tmp_path: Path) -> pf.Sightings:
    random = np.random.default_rng(0)
    names = []
    for number, size in enumerate([(40, 30), (64, 20), (30, 50)]):
        names.append(f"{number}.png")
        pixels = random.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / names[-1])
    return pf.Sightings.from_columns(tmp_path, {"image": names})


def test_the_largest_box_of_a_file_counts(pictures: pf.Sightings) -> None:
    path = pictures.root / "boxes.csv"
    path.write_text(
        "image,score,left,top,right,bottom\n"
        "1.png,.9,0,0,4,4\n1.png,.2,32,5,64,15\n1.png,.9,0,0,3,3\n"
        "elsewhere.png,1,0,0,5,5\n2.png,,,,,\n"
    )
    assert find_vehicle_boxes("", pictures.root) == path
    found = read_vehicle_boxes(path, pictures)
    np.testing.assert_array_equal(np.isnan(found).all(axis=1), [True, False, True])
    np.testing.assert_allclose(found[1], [0.5, 0.25, 1.0, 0.75])


def test_a_city_knows_its_boxes(block_city: Path, block_table: pf.Sightings) -> None:
    path = find_vehicle_boxes("", block_table.root)
    assert path.name == "labels.parquet"
    found = read_vehicle_boxes(path, block_table)
    columns = pq.read_table(block_city / "labels.parquet")
    boxes = dict(zip(columns["image"].to_pylist(), columns["vehicle_box"].to_pylist(), strict=True))
    for row, name in enumerate(block_table.image.tolist()):
        with Image.open(block_table.path(row)) as picture:
            width, height = picture.size
        left, top, right, bottom = boxes[name]
        if right == 0:
            assert np.isnan(found[row]).all()
        else:
            edges = [left / width, top / height, right / width, bottom / height]
            np.testing.assert_allclose(found[row], edges)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,left,top,right\n0.png,1,2,3\n", ("column 'bottom'", "image,left,top,right,bottom")),
        ("image,left,top,right,bottom\n0.png,1,2,3,x\n", ("line 2", "1, 2, 3, x", "not a box")),
        (
            "image,left,top,right,bottom\n0.png,5,2,3,9\n",
            ("5, 2, 3, 9", "not a box", "right of and below"),
        ),
        ("image,left,top,right,bottom\n0.png,1,2,nan,9\n", ("1, 2, nan, 9", "not a box")),
        ("image,left,top,right,bottom\n,1,2,3,9\n", ("line 2", "no image")),
        (
            "image,left,top,right,bottom\n0.png,0.1,0.2,0.3,0.9\n",
            ("above 1", "fractions", "pixels"),
        ),
        (
            "image,left,top,right,bottom\n0.png,100,2,300,9\n",
            ("1 of 1", "outside", "100, 2, 300, 9", "40 x 30 pixels"),
        ),
        (
            "image,left,top,right,bottom\nother.png,1,2,3,9\n",
            ("none of the 3 pictures", "'other.png'"),
        ),
        ("image,left,top,right,bottom\n", ("mine.csv", "no picture")),
    ],
)
def test_wrong_files_are_refused(
    text: str, message: tuple[str, ...], pictures: pf.Sightings
) -> None:
    path = pictures.root / "mine.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=facts(message)):
        read_vehicle_boxes(path, pictures)


def test_files_that_are_none_are_refused(pictures: pf.Sightings) -> None:
    for name, message in (("absent.csv", "not exist"), ("0.png", "not a file")):
        with pytest.raises(
            DataError, match=facts(name, message, "left,top,right,bottom", "labels.parquet")
        ):
            read_vehicle_boxes(pictures.root / name, pictures)
    (pictures.root / "labels.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=facts("labels.parquet", "not Parquet", "labels of a city")):
        read_vehicle_boxes(pictures.root / "labels.parquet", pictures)


def test_the_largest_vehicle_is_found(pictures: pf.Sightings) -> None:
    """A detector of fixed answers: 1 is a person, 3 a car, 8 a truck."""

    def detector(images: list[Tensor]) -> list[dict[str, Tensor]]:
        assert all(image.dtype == torch.float32 and image.min() >= 0 for image in images)
        assert [tuple(image.shape) for image in images] == [(3, 30, 40), (3, 20, 64), (3, 50, 30)]
        car = torch.tensor([[4.0, 3.0, 20.0, 15.0]])
        truck = torch.tensor([[-8.0, 0.0, 32.0, 20.0]])  # reaches beyond the picture
        whole = torch.tensor([[0.0, 0.0, 60.0, 60.0]])
        empty = torch.tensor([[50.0, 3.0, 60.0, 15.0]])
        return [
            answer([car, whole, whole], [3, 1, 8], [0.9, 0.99, 0.49]),
            answer([car, truck], [3, 8], [0.9, 0.5]),
            answer([empty], [3], [0.9]),  # right of a picture of 30 pixels
        ]

    done: list[int] = []
    found = find_vehicles(detector, pictures, work=Work(workers=0, progress=done.append))
    np.testing.assert_allclose(found[0], [0.1, 0.1, 0.5, 0.5])
    np.testing.assert_allclose(found[1], [0, 0, 0.5, 1])
    assert np.isnan(found[2]).all()
    assert sum(done) == 3


def answer(boxes: list[Tensor], labels: list[int], scores: list[float]) -> dict[str, Tensor]:
    named = torch.tensor(labels), torch.tensor(scores)
    return {"boxes": torch.cat(boxes), "labels": named[0], "scores": named[1]}


def test_a_detector_of_torchvision_runs(pictures: pf.Sightings, tmp_path: Path) -> None:
    torch.manual_seed(0)
    plain = ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None).eval()
    path = tmp_path / "weights.safetensors"
    save_file(plain.state_dict(), path)
    found = find_vehicles(
        load_detector(NAME, str(path)), pictures, threshold=0.0, work=Work(workers=0)
    )
    for row in range(len(pictures)):
        pixels = np.asarray(Image.open(pictures.path(row)).convert("RGB")).copy()
        with torch.inference_mode():
            (answers,) = plain([torch.from_numpy(pixels).permute(2, 0, 1).float() / 255])
        height, width = pixels.shape[:2]
        best, largest = [np.nan] * 4, 0.0
        for box, label in zip(answers["boxes"].tolist(), answers["labels"].tolist(), strict=True):
            left, top, right, bottom = np.clip(
                [box[0] / width, box[1] / height, box[2] / width, box[3] / height], 0, 1
            )
            area = (right - left) * (bottom - top)
            if label in (3, 4, 6, 8) and area > largest:
                best, largest = [left, top, right, bottom], area
        np.testing.assert_allclose(found[row], best, atol=1e-5)

    post = pf.Post.model_validate(
        {
            "steps": ["crop"],
            "crop": {"model": NAME, "weights": str(path), "threshold": 0.0, "margin": 0.1},
        }
    )
    table = pf.Sightings.from_columns(
        pictures.root, {"image": pictures.image, "vehicle": ["a", "a", "b"]}
    )
    if np.isnan(found).all():
        with pytest.raises(
            DataError, match=facts("no vehicle", "3 pictures", NAME, "post.crop.threshold")
        ):
            pf.evaluate("color_stripes", table, "leave-one-out", scoring=Scoring(post=post))
    else:
        report = pf.evaluate("color_stripes", table, "leave-one-out", scoring=Scoring(post=post))
        assert f"boxes from {NAME}" in report.settings["tight crops"]


def test_detectors_that_cannot_be_had_are_reported(
    pictures: pf.Sightings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RecipeError, match=facts("post.crop.model", f"mean '{NAME}'")):
        load_detector("torchvision:ssdlite_mobilenet_v3_large")
    with pytest.raises(
        RecipeError, match=facts("post.crop.model", "'runs/parts/best'", "not a detector")
    ):
        load_detector("runs/parts/best")
    with pytest.raises(
        TrainingError, match=facts("post.crop.weights", "absent.safetensors", "no such file")
    ):
        load_detector(NAME, str(tmp_path / "absent.safetensors"))
    save_file({"other": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(
        TrainingError, match=facts("other.safetensors", "not fit", "ssdlite320_mobilenet_v3_large")
    ):
        load_detector(NAME, str(tmp_path / "other.safetensors"))

    def offline(*_: object, **options: object) -> None:
        assert options["weights_only"] is True
        raise OSError("no network")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    with pytest.raises(TrainingError, match=facts("no network", "post.crop.weights=FILE")):
        load_detector(NAME)
    (pictures.root / "1.png").write_bytes(b"x")
    with pytest.raises(ImageError, match=facts("1.png")):
        find_vehicles(lambda images: [], pictures, work=Work(workers=0))
