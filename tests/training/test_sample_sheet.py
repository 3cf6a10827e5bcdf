"""Sheets of what a finished FDA-Net makes: figures 8 and 9 of its paper."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import TINY, TINY_FDA
from messages import facts
from PIL import Image
from torch import Tensor
from torch.nn import functional

import platefree as pf
from platefree.errors import DataError, ImageError
from platefree.inference.model import Model
from platefree.methods.catalogue import build_method, load_recipe, resolve
from platefree.methods.fda_net import nearest_others
from platefree.nets.generator import colors

TIMES, SIDE, GAP, TOP = 5, 32, 4, 20  # 140 pixels of a caption need five times 32


def untrained(name: str, settings: dict[str, object]) -> Model:
    torch.manual_seed(0)
    recipe = resolve(load_recipe(name, settings))
    method = build_method(recipe, {"vehicle": 4})
    return Model(method, recipe, name="x", fingerprint="", device=torch.device("cpu"))


def cells(path: Path) -> Tensor:
    """(rows, columns, 32, 32, 3) of a sheet, at the size of the network's pictures."""
    with Image.open(path) as sheet:
        pixels = torch.from_numpy(np.array(sheet))
    step = TIMES * SIDE + GAP
    rows, columns = (pixels.shape[0] - TOP) // step, (pixels.shape[1] - GAP) // step
    inside = range(0, TIMES * SIDE, TIMES)
    at = [[TOP + row * step + each for each in inside] for row in range(rows)]
    across = [[GAP + column * step + each for each in inside] for column in range(columns)]
    return torch.stack([torch.stack([pixels[y][:, x] for x in across]) for y in at])


def test_a_sheet_has_inputs_and_what_was_made_of_them(
    drawn_table: pf.Sightings, tmp_path: Path
) -> None:
    model = untrained("fda_net/city", TINY_FDA)
    whole = cells(pf.sample_sheet(model, drawn_table, tmp_path / "8.png", rows=6))
    assert whole.shape[:2] == (6, 4)
    pictures = []
    for path in drawn_table.root / drawn_table.image.astype(object):
        with Image.open(path) as picture:
            pictures.append(model.transform(picture.convert("RGB")).permute(1, 2, 0))
    known = torch.stack(pictures).short()
    vehicles = []
    for row in whole:
        seen, _, made, negative = row.short()
        off = (known - seen).abs().amax(dim=(1, 2, 3))
        assert off.min() <= 1, "an input is a picture of the table"
        plain = colors(seen.permute(2, 0, 1)[None].float())[0].permute(1, 2, 0)
        assert (made - plain).abs().max() <= 1, "an untrained generator makes no details"
        other = (known - negative).abs().amax(dim=(1, 2, 3)).argmin()
        vehicles.append((drawn_table.vehicle[off.argmin()], drawn_table.vehicle[other]))
    assert all(one != other for one, other in vehicles)
    pair = ["input", "generated negative"]
    figure_9 = cells(pf.sample_sheet(model, drawn_table, tmp_path / "9.png", columns=pair, rows=6))
    assert torch.equal(figure_9, whole[:, [0, 2]])
    other = cells(pf.sample_sheet(model, drawn_table, tmp_path / "other.png", rows=6, seed=1))
    assert not torch.equal(other, whole)


def test_pictures_of_tests_are_preferred(drawn_table: pf.Sightings, tmp_path: Path) -> None:
    model = untrained("fda_net/city", TINY_FDA)
    split = np.where(np.arange(len(drawn_table)) % 5 == 0, "query", "train")
    table = replace(drawn_table, split=split)
    alone = table.take(table.split == "query")
    paths = [pf.sample_sheet(model, each, tmp_path / f"{len(each)}.png") for each in (table, alone)]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_the_nearest_other_is_found_for_a_vehicle_of_one_picture_too() -> None:
    vehicles = torch.tensor([0, 0, 1, 2, 2, 3])
    rows = functional.normalize(torch.randn(6, 3, generator=torch.Generator().manual_seed(1)))
    for i, found in enumerate(nearest_others(vehicles, rows).tolist()):
        others = [j for j in range(6) if vehicles[j] != vehicles[i]]
        assert found == min(others, key=lambda j: float((rows[i] - rows[j]).square().sum()))


def test_what_cannot_be_shown_is_refused(drawn_table: pf.Sightings, tmp_path: Path) -> None:
    model, path = untrained("fda_net/city", TINY_FDA), tmp_path / "sheet.png"
    with pytest.raises(DataError, match=facts("inputs", "attention", "generated negative")):
        pf.sample_sheet(model, drawn_table, path, columns=["inputs"])
    one = drawn_table.take(drawn_table.vehicle == drawn_table.vehicle[0])
    with pytest.raises(DataError, match=facts("pictures of 1", "expected 2")):
        pf.sample_sheet(model, one, path)
    with pytest.raises(DataError, match=facts("strong_baseline", "no samples")):
        pf.sample_sheet(untrained("strong_baseline/demo", TINY), drawn_table, path)
    lost = replace(
        drawn_table, image=np.array([f"{each}.gone" for each in drawn_table.image], object)
    )
    with pytest.raises(ImageError, match=facts("gone")):
        pf.sample_sheet(model, lost, path)
    assert not path.exists()
