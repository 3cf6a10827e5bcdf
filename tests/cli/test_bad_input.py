"""What people hand in by mistake, and what files are like after years on other people's disks."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from math import inf, nan
from pathlib import Path

import numpy as np
import pytest
from conftest import Run
from numpy.typing import NDArray
from small_sets import SETS, VERI_WILD, Files, write_files

import platefree as pf
from platefree.data.dataset import DataSet
from platefree.errors import DataError

# --- arrays -----------------------------------------------------------------------------------


def unit_rows(n: int, seed: int) -> NDArray[np.float32]:
    rows = np.random.default_rng(seed).standard_normal((n, 8))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def embedded(rows: NDArray[np.float32]) -> pf.Embeddings:
    images = {"image": [f"{n}.jpg" for n in range(len(rows))]}
    return pf.Embeddings({"main": rows}, pf.Sightings.from_columns(Path("/"), images), "model")


def test_infinite_distances_are_far_or_near() -> None:
    """inf ranks last and -inf first; several of them rank by gallery row."""
    distance = np.array([[inf, 0.5, -inf, inf]], np.float32)
    for vehicle, rank in zip("abcd", (3, 2, 1, 4), strict=True):
        assert pf.rank_metrics(distance, [vehicle], list("abcd")).first_match.tolist() == [rank]


@pytest.mark.parametrize("mixed", [[1, "2"], ["2", 1], [np.int64(1), "2"], ["", 1], ["a", None]])
def test_ids_of_mixed_kinds_are_refused(mixed: list[object]) -> None:
    """numpy would make text of them all, and 12 equal to "12"."""
    distance = np.zeros((2, 2), np.float32)
    for ids in (mixed, np.array(mixed, object)):
        for sides in ((ids, ["a", "b"]), (["a", "b"], ids)):
            with pytest.raises(DataError, match=r"hold \w+ and \w+, expected integers or text"):
                pf.rank_metrics(distance, *sides)
        with pytest.raises(DataError, match="query cameras hold"):
            pf.rank_metrics(distance, ["a", "b"], ["a", "b"], ids, ids)


def test_an_empty_gallery_has_no_hits() -> None:
    query, nothing = embedded(unit_rows(3, 0)), embedded(unit_rows(0, 0))
    found = pf.rank_exact(query, nothing, 2)
    assert found.indices.tolist() == [[-1, -1]] * 3
    assert (found.distances == inf).all()
    assert pf.rank_exact(nothing, query, 2).indices.shape == (0, 2)


@pytest.mark.parametrize("k1", [5, 6, 7, 8, 1000])
def test_a_neighbourhood_of_more_than_all_is_all(k1: int) -> None:
    """With q + g = 8 points, each has 7 others."""
    rows = unit_rows(8, seed=1)
    found = pf.k_reciprocal(rows[:3], rows[3:], k1=k1, k2=1)
    if k1 >= 7:
        np.testing.assert_array_equal(found, pf.k_reciprocal(rows[:3], rows[3:], k1=7, k2=1))
    averaged = [pf.k_reciprocal(rows[:3], rows[3:], k1=2, k2=k2) for k2 in (8, 9, 1000)]
    np.testing.assert_array_equal(averaged[1], averaged[0])
    np.testing.assert_array_equal(averaged[2], averaged[0])


def test_equal_pictures_rank_by_their_place_in_the_gallery() -> None:
    row, other = unit_rows(2, seed=2)
    gallery = np.stack([other, row, row, other, row])
    found = pf.rank_exact(embedded(row[None]), embedded(gallery), 5)
    assert found.indices.tolist() == [[1, 2, 4, 0, 3]]
    again = pf.rerank_top(row[None], gallery, 5, k1=2, k2=1)
    assert again.indices.tolist() == [[1, 2, 4, 0, 3]]


def test_a_query_in_its_own_gallery_is_found_unless_it_is_named() -> None:
    rows = unit_rows(4, seed=3)
    distance = 1 - rows @ rows.T
    vehicles = ["a", "b", "a", "b"]
    seen = pf.rank_metrics(distance, vehicles, vehicles)
    assert seen.first_match.tolist() == [1] * 4  # each finds itself
    own = pf.rank_metrics(distance, vehicles, vehicles, self_index=np.arange(4))
    for query in range(4):
        others = sorted((distance[query, row], row) for row in range(4) if row != query)
        ranks = [vehicles[row] for _, row in others].index(vehicles[query]) + 1
        assert own.first_match[query] == ranks
    reranked = pf.k_reciprocal(rows, rows, k1=2, k2=1)
    assert reranked.argmin(axis=1).tolist() == [0, 1, 2, 3]


Convert = Callable[[NDArray[np.float32], Path], NDArray[np.float32]]


def saved(rows: NDArray[np.float32], path: Path) -> NDArray[np.float32]:
    np.save(path, rows)
    return np.load(path, mmap_mode="r")


LAYOUTS: Mapping[str, Convert] = {
    "fortran": lambda rows, _: np.asfortranarray(rows),
    "every other column": lambda rows, _: np.repeat(rows, 2, axis=1)[:, ::2],
    "reversed": lambda rows, _: rows[::-1].copy()[::-1],
    "memory-mapped": saved,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layout_in_memory_never_matters(layout: str, tmp_path: Path) -> None:
    rows = unit_rows(40, seed=4)
    other = LAYOUTS[layout](rows, tmp_path / "rows.npy")
    expected = pf.rank_exact(embedded(rows[:5]), embedded(rows[5:]), 10)
    found = pf.rank_exact(embedded(other[:5]), embedded(other[5:]), 10)
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_allclose(found.distances, expected.distances, atol=1e-6)
    np.testing.assert_allclose(
        pf.k_reciprocal(other[:5], other[5:], 6, 3), pf.k_reciprocal(rows[:5], rows[5:], 6, 3),
        atol=1e-6,
    )  # fmt: skip
    ids = [str(n % 7) for n in range(40)]
    distance = 1 - rows[:5] @ rows[5:].T
    moved = LAYOUTS[layout](distance, tmp_path / "distance.npy")
    assert (
        pf.rank_metrics(moved, ids[:5], ids[5:]).first_match.tolist()
        == pf.rank_metrics(distance, ids[:5], ids[5:]).first_match.tolist()
    )


@pytest.mark.parametrize("kind", ["f8", "f2", "i8", ">f4"])
def test_embeddings_of_another_precision_are_refused(kind: str) -> None:
    rows = unit_rows(3, 0).astype(kind)
    with pytest.raises(DataError, match=r"expected float32 \(3, d\)"):
        embedded(rows)
    if kind not in ("f8",):
        with pytest.raises(DataError, match="expected float32 or float64"):
            pf.rank_metrics(rows, list("abc"), list("abcdefgh"))


def test_embeddings_that_are_not_finite_are_refused() -> None:
    rows = unit_rows(6, seed=5)
    for value in (nan, inf):
        broken = rows.copy()
        broken[4, 0] = value
        with pytest.raises(DataError, match="gallery row 2"):
            pf.k_reciprocal(rows[:2], broken[2:])
    broken[4] = nan
    with pytest.raises(DataError, match=r"query 0 to gallery row 2 is NaN"):
        pf.rank_exact(embedded(rows[:2]), embedded(broken[2:]), 3)


# --- files ------------------------------------------------------------------------------------


def texts(files: Files) -> list[str]:
    """The names of the files that are read."""
    return [name for name in files if not name.endswith(".jpg")]


def changed(files: Files, change: Callable[[bytes], bytes]) -> Files:
    """The files with what is read changed, to the byte."""
    content = {name: files[name] for name in texts(files)}
    data = {
        name: each.encode() if isinstance(each, str) else each for name, each in content.items()
    }
    return {**files, **{name: change(each) for name, each in data.items()}}


def labelled(data: bytes) -> bool:
    return data.lstrip().startswith(b"<?xml")


ENCODINGS: Mapping[str, Callable[[bytes], bytes]] = {
    "carriage returns": lambda data: data.replace(b"\n", b"\r\n"),
    "old carriage returns": lambda data: data.replace(b"\n", b"\r"),
    "blanks at line ends": lambda data: data.replace(b"\n", b" \t \n"),
    "blank lines at the end": lambda data: data if labelled(data) else data + b"\n \r\n",
    "no line end at the end": lambda data: data.rstrip(b"\n"),
    "a byte order mark": lambda data: data if labelled(data) else b"\xef\xbb\xbf" + data,
    "UTF-16": lambda data: data if labelled(data) else data.decode().encode("utf-16"),
    "labels in UTF-8": lambda data: data.decode("gb2312").encode() if labelled(data) else data,
}


def read(root: Path, files: Files) -> DataSet:
    return pf.read_dataset(write_files(root, files))


def content(dataset: DataSet) -> object:
    """All that is read, but for where it lies and for what is remarked."""
    return (
        dataset.name,
        dataset.table.fingerprint(),
        {name: rows.tolist() for name, rows in dataset.lists.items()},
        {
            name: (each.first.tolist(), each.second.tolist(), each.same.tolist())
            for name, each in dataset.pairs.items()
        },
        {name: [rows.tolist() for rows in each] for name, each in dataset.ignored.items()},
    )


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("spelling", ENCODINGS)
def test_line_ends_blanks_and_encodings_never_matter(
    tmp_path: Path, name: str, spelling: str
) -> None:
    expected = read(tmp_path / "as it should be", SETS[name])
    found = read(tmp_path / "other", changed(SETS[name], ENCODINGS[spelling]))
    assert content(found) == content(expected)


def upper(name: str) -> str:
    """A path in large letters, but for the stems of pictures, which the lists give."""
    folder, _, file = name.rpartition("/")
    picture = file.endswith(".jpg")
    return f"{folder.upper()}/{file.replace('.jpg', '.JPG') if picture else file.upper()}"


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("deeper", ["", "Data", "Data/DATA"])
def test_the_case_and_the_depth_of_folders_never_matter(
    tmp_path: Path, name: str, deeper: str
) -> None:
    expected = read(tmp_path / "as it should be", SETS[name])
    files = {f"{deeper}/{upper(place)}".lstrip("/"): text for place, text in SETS[name].items()}
    found = read(tmp_path / "other", files)
    images = [image.lower() for image in found.table.image.tolist()]
    assert images == [image.lower() for image in expected.table.image.tolist()]
    there = [
        (tmp_path / "other" / place).relative_to(found.table.root).as_posix() for place in files
    ]
    pictures = {place for place in there if place.endswith(".JPG")}
    assert pictures <= set(found.table.image.tolist())
    alike = replace(found, table=replace(found.table, image=expected.table.image))
    assert content(alike) == content(expected)


@pytest.mark.parametrize("name", SETS)
def test_any_file_may_be_missing_or_empty_or_cut_short(tmp_path: Path, name: str) -> None:
    """What is left is read, or refused in one line; nothing else is ever raised."""
    whole = read(tmp_path / "whole", SETS[name])
    for number, lost in enumerate(texts(SETS[name])):
        data = SETS[name][lost]
        data = data.encode() if isinstance(data, str) else data
        for kind, rest in (("missing", None), ("empty", b""), ("cut", data[: len(data) // 2])):
            files = {place: text for place, text in SETS[name].items() if place != lost}
            if rest is not None:
                files[lost] = rest
            found = read_or_reason(tmp_path / f"{number} {kind}", files)
            if isinstance(found, str):
                assert "\n" not in found
                assert str(tmp_path) in found
            else:
                assert found.name == name
                assert set(found.table.image.tolist()) <= set(whole.table.image.tolist())


def read_or_reason(root: Path, files: Files) -> DataSet | str:
    try:
        return read(root, files)
    except DataError as error:
        return str(error)


def test_brands_with_slashes_blanks_and_commas_survive(tmp_path: Path) -> None:
    """From the reader through a merge and a table on disk, to the letter."""
    place = "train_test_split/vehicle_info.txt"
    info = str(VERI_WILD[place]).replace("Great Wall", 'Škoda, "R/S" 4 x 4')
    wild = read(tmp_path / "wild", {**VERI_WILD, place: info}).table
    merged = pf.merge_tables(wild, read(tmp_path / "vric", SETS["vric"]).table)
    for ending in ("csv", "parquet"):
        pf.write_table(merged, tmp_path / f"all.{ending}")
        models = pf.read_table(tmp_path / f"all.{ending}").model.tolist()
        assert models[0] == "veri-wild/Mercedes-Benz / AMG GT"
        assert models[3] == 'veri-wild/Škoda, "R/S" 4 x 4'
        assert models == merged.model.tolist()


def test_two_pictures_of_one_number_are_not_handed_in(tmp_path: Path) -> None:
    names = "000001.jpg\n1.jpg\n"
    dataset = read(tmp_path, {**SETS["cityflow"], "name_test.txt": names})
    with pytest.raises(DataError, match=r"pictures '000001' and '1' .* the same number"):
        pf.submit("color_stripes", dataset, tmp_path / "track2.txt")


# --- the command line -------------------------------------------------------------------------


def test_lists_that_name_pictures_that_are_not_there(run: Run, tmp_path: Path) -> None:
    """Checked: each is counted. Scored, embedded or trained on: refused by the first one's name."""
    root = write_files(
        tmp_path / "set", {n: t for n, t in SETS["vric"].items() if n[-4:] == ".txt"}
    )
    code, out, err = run("data", "check", root, "--json")
    assert (code, len(json.loads(out)["unreadable"])) == (1, 4)
    code, out, err = run("data", "check", root)
    assert (code, "4 pictures cannot be read" in out) == (1, True)
    assert "train_images/a.jpg, the first picture that is listed, is not there" in err
    code, _, err = run("eval", "color_stripes", "--data", root)
    assert (code, err.strip().splitlines()[-1].startswith("platefree: ")) == (1, True)
    assert "c.jpg" in err
    code, _, err = run("submit", "color_stripes", "--data", root)
    assert (code, "is no cityflow" in err) == (1, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("data", "check", "{}/nothing"), "does not exist"),
        (("data", "check", "{}/both"), "name the folder of one of them"),
        (("data", "merge", "{}/a", "{}/a", "--out", "{}/x.csv"), "both have source 'vric'"),
        (("data", "merge", "{}/a", "--out", "{}/x.txt"), "written as .csv or .parquet"),
        (("data", "merge", "{}/a", "--out", "{}/x.csv", "--target", "veri"), "no source 'veri'"),
        (("data", "split", "{}/a", "--out", "{}/x.csv", "--hold-back", "2"), "2 vehicles to hold"),
        (("data", "split", "{}/a", "--out", "{}/x.csv", "--train", "2"), "train is 2.0, expected"),
        (("data", "crop", "{}/a", "--out", "{}/crops"), "is no compcars"),
        (("eval", "color_stripes", "--data", "{}/a", "--protocol", "vehicleid"), "draws from the"),
        (("eval", "color_stripes", "--data", "{}/a", "--test", "800"), "has no test '800'"),
        (("eval", "color_stripes", "--data", "{}/hidden"), "does a challenge hide"),
        (("submit", "color_stripes", "--data", "{}/a"), "is no cityflow"),
        (("submit", "colour_stripes", "--data", "{}/hidden"), "no checkpoint folder at"),
    ],
)
def test_mistakes_are_one_line(
    run: Run, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    sets = {"a": "vric", "both/a": "vric", "both/b": "veri-776", "hidden": "cityflow"}
    for folder, name in sets.items():
        write_files(tmp_path / folder, SETS[name])
    code, _, err = run(*(word.replace("{}", str(tmp_path)) for word in words))
    lines = err.strip().splitlines()
    assert code == 1
    assert message in lines[-1]
    assert lines[-1].startswith("platefree: ")
    assert not list(tmp_path.glob("x.*"))
