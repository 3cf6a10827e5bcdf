"""A city laid out as each public data set reads back as the city it was."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from block_city import city_rows

from platefree.city.output.layouts import NAMES
from platefree.data.crops import crop_compcars
from platefree.data.dataset import DataSet
from platefree.data.image import read_image
from platefree.data.readers.detect import find_dataset
from platefree.data.table import read_table
from platefree.types import Sightings


def second_part(dataset: DataSet, name: str) -> DataSet | None:
    """Another data set that lies beside one, if the layout has it."""
    return find_dataset(dataset.table.root.parent, name)


def assert_same_groups(ours: Iterable[str], theirs: Iterable[str]) -> None:
    """Values differ in spelling only: each of ours is one of theirs, and the other way round."""
    pairs = set(zip(ours, theirs, strict=True))
    assert len(pairs) == len({one for one, _ in pairs}) == len({other for _, other in pairs})


def american(values: Iterable[str]) -> list[str]:
    return [value.replace("grey", "gray") for value in values]


def images(dataset: DataSet, name: str, rows: list[int]) -> set[int]:
    """The city's rows that a list holds, each once."""
    found = [rows[row] for row in dataset.rows(name)]
    assert len(set(found)) == len(found)
    return set(found)


def split_rows(block_table: Sightings, *splits: str) -> set[int]:
    return set(np.flatnonzero(np.isin(block_table.split, splits)).tolist())


@pytest.mark.parametrize("name", NAMES)
def test_every_layout_is_recognised(
    name: str, layouts: dict[str, DataSet], block_table: Sightings
) -> None:
    dataset = layouts[name]
    assert dataset.name == name
    assert set(dataset.table.source.tolist()) == {name}
    assert len(set(dataset.table.image.tolist())) == len(dataset.table)
    assert read_table(dataset.table.root).fingerprint() == dataset.table.fingerprint()
    if name != "cityflow":  # a part of whose vehicles may be simulated ones
        assert set(city_rows(dataset, block_table)) == set(range(len(block_table)))


def test_vehicleid(layouts: dict[str, DataSet], block_table: Sightings) -> None:
    dataset = layouts["vehicleid"]
    rows, ours = city_rows(dataset, block_table), dataset.table
    assert_same_groups(ours.vehicle, block_table.vehicle[rows])
    assert ours.model.tolist() == block_table.model[rows].tolist()
    assert ours.color.tolist() == american(block_table.color[rows])
    assert not any(map(ours.knows, ("camera", "track", "time", "view", "type")))
    assert images(dataset, "train", rows) == split_rows(block_table, "train")
    assert {str(ours.split[row]) for row in dataset.rows("train")} == {"train"}
    for size in (800, 1600, 2400, 3200, 6000, 13164):
        assert images(dataset, f"test_{size}", rows) == split_rows(block_table, "query", "gallery")
    assert set(ours.split.tolist()) == {"train", ""}


def test_veri_776(layouts: dict[str, DataSet], block_table: Sightings) -> None:
    dataset = layouts["veri-776"]
    rows, ours = city_rows(dataset, block_table), dataset.table
    assert_same_groups(ours.vehicle, block_table.vehicle[rows])
    assert ours.camera.tolist() == block_table.camera[rows].tolist()
    assert ours.type.tolist() == [kind.lower() for kind in block_table.type[rows]]
    assert ours.color.tolist() == american(block_table.color[rows])
    assert not ours.knows("time")
    for name in ("train", "query"):
        assert images(dataset, name, rows) == split_rows(block_table, name)
        assert set(np.flatnonzero(ours.split == name)) == set(dataset.rows(name))
    gallery = dataset.rows("gallery")
    assert images(dataset, "gallery", rows) == split_rows(block_table, "query", "gallery")
    assert set(np.flatnonzero(ours.split == "gallery")) == set(gallery)
    assert_same_groups(ours.track[gallery], block_table.track[[rows[row] for row in gallery]])
    for query, junk in zip(dataset.rows("query"), dataset.ignored["query"], strict=True):
        same = [
            row
            for row in gallery
            if ours.vehicle[row] == ours.vehicle[query] and ours.camera[row] == ours.camera[query]
        ]
        assert junk.tolist() == same
        assert rows[query] in {rows[row] for row in junk}  # its copy in the gallery


def test_veri_wild(layouts: dict[str, DataSet], block_table: Sightings) -> None:
    dataset = layouts["veri-wild"]
    rows, ours = city_rows(dataset, block_table), dataset.table
    assert_same_groups(ours.vehicle, block_table.vehicle[rows])
    assert_same_groups(ours.camera, block_table.camera[rows])
    assert ours.model.tolist() == block_table.model[rows].tolist()
    assert ours.type.tolist() == block_table.type[rows].tolist()
    assert ours.color.tolist() == american(block_table.color[rows])
    seconds = block_table.time[rows].astype("datetime64[s]")
    np.testing.assert_array_equal(ours.time, seconds.astype("datetime64[ms]"))
    assert images(dataset, "train", rows) == split_rows(block_table, "train")
    for size in (3000, 5000, 10000):
        query, gallery = (images(dataset, f"{kind}_{size}", rows) for kind in ("query", "gallery"))
        assert query <= split_rows(block_table, "query")
        assert not query & gallery
        assert query | gallery == split_rows(block_table, "query", "gallery")
    assert set(ours.split.tolist()) == {"train", ""}


def test_cityflow(layouts: dict[str, DataSet], block_table: Sightings) -> None:
    dataset = layouts["cityflow"]
    rows, ours = city_rows(dataset, block_table), dataset.table
    simulated = second_part(dataset, "vehiclex")
    other = set() if simulated is None else set(city_rows(simulated, block_table))
    assert images(dataset, "train", rows) == split_rows(block_table, "train") - other
    assert other < split_rows(block_table, "train")
    for name in ("query", "gallery"):
        assert images(dataset, name, rows) == split_rows(block_table, name)
    for name in ("train", "query", "gallery"):
        assert set(np.flatnonzero(ours.split == name)) == set(dataset.rows(name))
    train, gallery = dataset.rows("train"), dataset.rows("gallery")
    assert_same_groups(ours.vehicle[train], block_table.vehicle[[rows[row] for row in train]])
    assert set(ours.vehicle[ours.split != "train"].tolist()) == {""}
    known = np.flatnonzero(ours.camera != "")
    assert set(known.tolist()) >= {*train.tolist(), *dataset.rows("query").tolist()}
    assert ours.camera[known].tolist() == block_table.camera[[rows[row] for row in known]].tolist()
    tracked = np.concatenate([train, gallery])
    assert_same_groups(ours.track[tracked], block_table.track[[rows[row] for row in tracked]])
    if simulated is not None:
        theirs = city_rows(simulated, block_table)
        assert_same_groups(simulated.table.vehicle, block_table.vehicle[theirs])
        assert simulated.table.camera.tolist() == block_table.camera[theirs].tolist()
        assert simulated.table.type.tolist() == block_table.type[theirs].tolist()
        assert simulated.table.color.tolist() == block_table.color[theirs].tolist()


def test_compcars(layouts: dict[str, DataSet], block_table: Sightings) -> None:
    dataset = layouts["compcars"]
    rows, ours = city_rows(dataset, block_table), dataset.table
    assert_same_groups(ours.model, block_table.model[rows])
    years = {model: set(ours.model_year[ours.model == model].tolist()) for model in ours.model}
    assert max(map(len, years.values())) > 1
    vehicles = zip(block_table.vehicle[rows], ours.model_year, strict=True)
    assert len(set(vehicles)) == len(set(block_table.vehicle))  # one year each
    assert not any(map(ours.knows, ("vehicle", "camera", "view")))
    assert images(dataset, "classification_train", rows) == split_rows(block_table, "train")
    assert images(dataset, "verification_train", rows) == split_rows(block_table, "train")
    test = images(dataset, "classification_test", rows)
    assert test == split_rows(block_table, "query", "gallery")
    assert {rows[row] for row in np.flatnonzero(ours.split == "train")} == split_rows(
        block_table, "train"
    )
    for kind, pairs in dataset.pairs.items():
        assert len(pairs.same) > 20
        assert (ours.model_year[pairs.first] != ours.model_year[pairs.second])[pairs.same].any()
        for first, second, same in zip(pairs.first, pairs.second, pairs.same, strict=True):
            assert rows[first] in test
            assert rows[second] in test
            assert (ours.model[first] == ours.model[second]) == same
            folder = [image.split("/")[1] for image in ours.image[[first, second]]]
            assert kind != "hard" or folder[0] == folder[1]


def test_surveillance_part_of_compcars(layouts: dict[str, DataSet], block_table: Sightings) -> None:
    dataset = second_part(layouts["compcars"], "compcars-surveillance")
    assert dataset is not None
    rows = city_rows(dataset, block_table)
    assert_same_groups(dataset.table.model, block_table.model[rows])
    assert images(dataset, "classification_train", rows) <= split_rows(block_table, "train")
    assert images(dataset, "classification_test", rows) <= split_rows(
        block_table, "query", "gallery"
    )


def test_crops_of_compcars(
    layouts: dict[str, DataSet], block_city: Path, block_table: Sightings, tmp_path: Path
) -> None:
    whole = layouts["compcars"]
    rows = city_rows(whole, block_table)
    labels = pq.read_table(block_city / "labels.parquet").to_pydict()
    progress: list[tuple[int, int]] = []
    crops = crop_compcars(
        whole.table.root, tmp_path, on_progress=lambda *done: progress.append(done)
    )
    assert progress[-1] == (len(block_table), len(block_table))
    assert crops.table.image.tolist() == whole.table.image.tolist()
    assert {name: each.tolist() for name, each in crops.lists.items()} == {
        name: each.tolist() for name, each in whole.lists.items()
    }
    assert not any("cropped" in remark for remark in crops.remarks)
    for row in range(len(block_table)):
        left, top, right, bottom = labels["vehicle_box"][rows[row]]
        assert read_image(crops.table.path(row)).size == (right - left, bottom - top)
        sides = labels["view8"][rows[row]].replace("left", "side").replace("right", "side")
        assert crops.table.view[row] == sides
