"""Exported models against the networks in torch that they were made from."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from conftest import Run
from messages import facts, says
from onnx.reference import ReferenceEvaluator
from PIL import Image
from random_models import RECIPES, random_model, vanet
from torch.nn import functional

import platefree as pf
from platefree.data.input_pictures import InputPictures, read_batches
from platefree.errors import DataError, MismatchError, RecipeError, StorageError
from platefree.evaluation.leakage import learnt_at
from platefree.inference import parity
from platefree.inference.embedding_network import Network
from platefree.inference.export import export_model
from platefree.inference.onnx_model import OnnxModel
from platefree.types import Embeddings
from platefree.work import Work

EMBEDDING = [name for name in RECIPES if name != "part_detector"]
ODD = Work(batch_size=7, workers=2)


def assert_same(found: Embeddings, wanted: Embeddings, at_most: float = 1e-4) -> None:
    assert found.sightings.fingerprint() == wanted.sightings.fingerprint()
    assert list(found.spaces) == list(wanted.spaces)
    for name, rows in wanted.spaces.items():
        np.testing.assert_allclose(found.spaces[name], rows, atol=at_most, err_msg=name)


# --- every method ------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("method", EMBEDDING)
def test_a_method_embeds_as_in_torch(
    method: str, drawn_table: pf.Sightings, tmp_path: Path
) -> None:
    folder = random_model(tmp_path / "best", method)
    told = export_model(folder, tmp_path / "model")
    model, exported = pf.load_model(folder), pf.load_model(tmp_path / "model")
    assert isinstance(exported, OnnxModel)
    wanted, _ = model.embed(drawn_table)
    found, _ = exported.embed(drawn_table, work=ODD)
    assert_same(found, wanted)
    assert (found.model, exported.learns, exported.post) == (
        wanted.model,
        model.learns,
        model.post,
    )
    assert exported.comparison.to_json() == model.comparison.to_json()
    (network,) = told.card.networks
    assert set(network.parity) == set(wanted.spaces)
    assert all(0 <= each.mean <= each.worst <= 1e-3 for each in network.parity.values())
    if model.learns != "vehicle":
        assert exported.class_names(model.learns) == model.class_names(model.learns)
        with pytest.raises(DataError, match=facts("color")):
            exported.class_names("color")


@pytest.mark.slow
def test_two_spaces_and_predicted_views_alone_and_in_an_ensemble(
    drawn_table: pf.Sightings, tmp_path: Path
) -> None:
    views = random_model(tmp_path / "views", "viewpoint")
    two = vanet(tmp_path / "two", views)
    plain = random_model(tmp_path / "plain", "strong_baseline")
    both = tmp_path / "both"
    pf.make_ensemble([two, plain], both, [1, 2])
    for folder in (two, both):
        model = pf.load_model(folder)
        exported = export_model(folder, tmp_path / f"{folder.name}-onnx")
        wanted, _ = model.embed(drawn_table)
        found, _ = exported.embed(drawn_table, work=ODD)
        assert_same(found, wanted)
        assert exported.fingerprint == model.fingerprint
        query, gallery = (wanted.take(np.arange(n)) for n in (3, 9))
        ours, theirs = (found.take(np.arange(n)) for n in (3, 9))
        np.testing.assert_allclose(
            exported.comparison.distances(ours, theirs),
            model.comparison.distances(query, gallery),
            atol=1e-4,
        )
        np.testing.assert_array_equal(
            exported.comparison.space_of(ours, theirs), model.comparison.space_of(query, gallery)
        )
    alone = pf.load_model(tmp_path / "two-onnx")
    assert alone.class_names("view") == ("front", "rear", "side")
    labelled, skipped = pf.label_views(alone, drawn_table)
    assert not skipped
    told, _ = pf.label_views(pf.load_model(two), drawn_table)
    assert labelled.view.tolist() == told.view.tolist()


def test_the_mean_over_mirrored_pictures_scales_and_crops_by_hand(
    drawn_table: pf.Sightings, tmp_path: Path
) -> None:
    """By the network of the method, looked through one picture at a time."""
    folder = random_model(tmp_path / "best", "strong_baseline", {"input.crops": 0.75})
    model = pf.load_model(folder)
    assert isinstance(model, pf.Model)
    assert model.recipe.input.scales == [1.0, 0.75]
    exported = export_model(model, tmp_path / "model")
    found, _ = exported.embed(drawn_table.take(np.arange(4)))
    model.method.eval()
    for row in range(4):
        picture = Image.open(drawn_table.path(row)).resize((32, 32), Image.Resampling.BILINEAR)
        pixels = torch.from_numpy(np.asarray(picture).transpose(2, 0, 1)[None] / np.float32(255))
        mean, std = (
            torch.tensor(each)[None, :, None, None]
            for each in (model.recipe.input.mean, model.recipe.input.std)
        )
        whole = (pixels - mean) / std
        small = functional.interpolate(whole, (24, 24), mode="bilinear", antialias=True)
        parts = [
            functional.interpolate(whole[:, :, y : y + 24, x : x + 24], (32, 32), mode="bilinear")
            for y, x in ((0, 0), (0, 8), (8, 0), (8, 8), (4, 4))
        ]
        with torch.inference_mode():
            looks = [
                model.method.embed(each)["main"]
                for view in (whole, small, *parts)
                for each in (view, view.flip(3))
            ]
        wanted = functional.normalize(torch.stack(looks).sum(0))[0].numpy()
        np.testing.assert_allclose(found.spaces["main"][row], wanted, atol=1e-5)


# --- in use ------------------------------------------------------------------------------------


def test_boxes_skipped_pictures_and_odd_sizes(
    tiny_model_folder: Path, exported_folder: Path, drawn_table: pf.Sightings, tmp_path: Path
) -> None:
    sizes = [(1, 1), (8000, 10), (10, 8000), (33, 31), (2, 500)]
    names = []
    for number, size in enumerate(sizes):
        noise = np.random.default_rng(number).integers(0, 256, (size[1], size[0], 3), np.uint8)
        names.append(str(tmp_path / f"{number}.png"))
        Image.fromarray(noise).save(names[-1])
    (tmp_path / "text.png").write_text("no picture")
    odd = pf.Sightings.from_columns(
        tmp_path, {"image": [*names[:2], str(tmp_path / "text.png"), *names[2:]]}
    )
    model, exported = pf.load_model(tiny_model_folder), pf.load_model(exported_folder)
    wanted, reasons = model.embed(odd, unreadable="skip")
    seen = list[int]()
    work = Work(batch_size=2, progress=seen.append)
    found, skipped = exported.embed(odd, unreadable="skip", work=work)
    assert_same(found, wanted)
    assert skipped == reasons
    assert sum(seen) == len(odd)
    with pytest.raises(pf.PlatefreeError, match=facts("text.png")):
        exported.embed(odd)
    boxes = np.random.default_rng(0).uniform(0, 0.4, (len(drawn_table), 4))
    boxes[:, 2:] += 0.5
    wanted, _ = model.embed(drawn_table, boxes=boxes)
    assert_same(exported.embed(drawn_table, boxes=boxes)[0], wanted)


def test_pictures_are_read_in_order_and_one_batch_ahead(drawn_table: pf.Sightings) -> None:
    pictures = InputPictures(drawn_table, 30, 28)  # large, so that no JPEG is decoded smaller
    rows, stacks = [], []
    for batch in read_batches(pictures, 5, 3):
        assert len(batch.rows) <= 5
        rows += batch.rows
        stacks.append(batch.pictures)
    assert rows == list(range(len(drawn_table)))
    found = np.concatenate(stacks)
    assert (found.shape, found.dtype) == ((len(drawn_table), 3, 28, 30), np.uint8)
    for row in (0, 7, len(drawn_table) - 1):
        one = Image.open(drawn_table.path(row)).resize((30, 28), Image.Resampling.BILINEAR)
        np.testing.assert_array_equal(found[row].transpose(1, 2, 0), np.asarray(one))


def test_it_scores_searches_and_compares_as_the_checkpoint(
    tiny_model_folder: Path, exported_folder: Path, drawn_table: pf.Sightings
) -> None:
    model, exported = pf.load_model(tiny_model_folder), pf.load_model(exported_folder)
    first, second = (pf.evaluate(each, drawn_table) for each in (model, exported))
    assert second.figures() == pytest.approx(first.figures(), abs=1e-3)
    assert second.overlap == first.overlap
    assert second.overlap is not None
    assert second.overlap.record == "complete"
    assert learnt_at(str(exported_folder), exported.fingerprint).state == "complete"
    assert learnt_at(str(exported_folder), "another").state == "missing"
    assert "ONNX Runtime" in " ".join(second.model.values())
    gallery, _ = model.embed(drawn_table)  # of torch, searched by the exported one
    query = drawn_table.path(0)
    theirs, ours = (pf.search(each, query, gallery, top=5) for each in (model, exported))
    assert [hit.image for hit in ours] == [hit.image for hit in theirs]
    a, b = drawn_table.path(0), drawn_table.path(9)
    wanted = pf.compare(model, a, b).similarity
    assert pf.compare(exported, a, b).similarity == pytest.approx(wanted, abs=1e-4)


def test_only_the_post_processing_can_be_changed(exported_folder: Path) -> None:
    model = pf.load_model(exported_folder, overrides={"post.rerank.k1": 7})
    assert model.post.rerank.k1 == 7
    with pytest.raises(RecipeError, match=facts("input.scales", "--set")):
        pf.load_model(exported_folder, overrides={"input.scales": [1.0]})
    with pytest.raises(pf.PlatefreeError):
        pf.load_model(exported_folder, overrides={"post.rerank.k1": "many"})


@pytest.mark.parametrize(
    "use",
    [
        lambda model, out: pf.evaluate(
            model, pf.read_table(out / "table"), examples=pf.Examples(heat_maps=True)
        ),
        lambda model, out: pf.make_ensemble([model.name], out),
        lambda model, out: pf.evaluate(
            model, pf.read_table(out / "table"), scoring=pf.Scoring(scales=(1.0, 0.5))
        ),
    ],
    ids=["heat map", "ensemble", "scales"],
)
def test_what_needs_the_checkpoint_asks_for_it(
    use: object, exported_folder: Path, drawn_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "table").symlink_to(drawn_folder)
    with pytest.raises(pf.PlatefreeError, match=facts("exported model", "checkpoint")):
        use(pf.load_model(exported_folder), tmp_path)  # type: ignore[operator]


# --- the folder --------------------------------------------------------------------------------


def test_the_folder_says_nothing_of_the_machine(exported_folder: Path) -> None:
    """The exporter notes the source lines of every operator."""
    here = str(Path(pf.__file__).parents[2]).encode()
    for file in exported_folder.iterdir():
        content = file.read_bytes()
        assert here not in content, file
        assert b"/tmp/" not in content, file
    (network,) = exported_folder.glob("*.onnx")
    graph = onnx.load(network)
    assert not graph.metadata_props
    assert not any(node.metadata_props or node.doc_string for node in graph.graph.node)
    assert {node.domain for node in graph.graph.node} == {""}


def test_the_page_and_the_card_tell_what_it_is(
    exported_folder: Path, tiny_model_folder: Path
) -> None:
    card = json.loads((exported_folder / "card.json").read_text())
    page = (exported_folder / "README.md").read_text()
    model = pf.load_model(tiny_model_folder)
    assert card["fingerprint"] == model.fingerprint
    (network,) = card["networks"]
    space = network["parity"]["main"]
    headings = ("made from", "it is for", "How it was measured", "Where it fails")
    assert says(page, *headings, "strong_baseline/demo", f"{space['worst']:.1e}", "Licence")
    assert "not measured" in page
    names = {each.name for each in exported_folder.iterdir()}
    assert names == {"card.json", "README.md", network["file"]["name"], card["learnt_file"]["name"]}


def test_it_is_written_whole_or_not_at_all(
    tiny_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where another network would be written; here torch stands for all of it."""
    monkeypatch.setitem(parity.TOLERANCE, "fp32", 0.0)  # type: ignore[arg-type]
    out = tmp_path / "model"
    with pytest.raises(MismatchError, match=facts("main", "nothing was written")):
        export_model(tiny_model_folder, out)
    assert list(tmp_path.iterdir()) == []
    out.mkdir()
    (out / "letter.txt").write_text("mine")
    with pytest.raises(StorageError, match=facts(str(out), "lost")):
        export_model(tiny_model_folder, out)
    with pytest.raises(StorageError, match=facts("lost")):
        export_model(tiny_model_folder, tiny_model_folder)
    assert [each.name for each in out.iterdir()] == ["letter.txt"]


def test_parity_is_the_distance_of_the_rows() -> None:
    random = np.random.default_rng(0)
    rows = {"a": random.normal(size=(5, 3)).astype(np.float32)}
    other = {"a": (rows["a"] + random.normal(0, 0.01, (5, 3))).astype(np.float32)}
    lengths = [
        sum((float(p) - float(q)) ** 2 for p, q in zip(one, two, strict=True)) ** 0.5
        for one, two in zip(rows["a"], other["a"], strict=True)
    ]
    found = parity.differences(other, rows)["a"]
    assert found.worst == pytest.approx(max(lengths), rel=1e-6)
    assert found.mean == pytest.approx(sum(lengths) / 5, rel=1e-6)
    broken = {"a": np.full_like(rows["a"], np.nan)}
    with pytest.raises(MismatchError, match=facts("'a'")):
        parity.check_parity(parity.differences(broken, rows), 1.9, "x")


def test_what_has_no_network_is_refused(tmp_path: Path) -> None:
    detector = random_model(tmp_path / "detector", "part_detector")
    parts = random_model(tmp_path / "parts", "part_regularized")
    with pytest.raises(DataError, match=facts("color_stripes", "no network")):
        export_model("color_stripes", tmp_path / "out")
    with pytest.raises(DataError, match=facts("part_detector", "parts")):
        export_model(detector, tmp_path / "out")
    with pytest.raises(DataError, match=facts("model.in_use=global")):
        export_model(
            pf.load_model(parts, overrides={"model.in_use": "all"}),  # type: ignore[arg-type]
            tmp_path / "out",
        )
    cameras = pf.load_model(random_model(tmp_path / "cameras", "transformer"))
    with pytest.raises(DataError, match=facts("metadata", "pictures alone")):
        export_model(cameras.with_metadata(), tmp_path / "out")  # type: ignore[union-attr]
    assert not (tmp_path / "out").exists()


def test_a_table_without_rows_is_refused(
    tiny_model_folder: Path, exported_folder: Path, drawn_table: pf.Sightings, tmp_path: Path
) -> None:
    none = drawn_table.take(np.zeros(0, np.int64))
    for folder in (tiny_model_folder, exported_folder):
        with pytest.raises(DataError, match=facts("no rows", "to embed")):
            pf.load_model(folder).embed(none)
    with pytest.raises(DataError, match=facts("no rows", "export")):
        export_model(tiny_model_folder, tmp_path / "out", pictures=none)
    assert not (tmp_path / "out").exists()


# --- fewer bits --------------------------------------------------------------------------------


def products_of(folder: Path) -> dict[str, np.ndarray]:
    (network,) = folder.glob("*.onnx")
    graph = onnx.load(network).graph
    return {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}


@pytest.fixture(scope="module")
def eight_bits(
    tiny_model_folder: Path, drawn_table: pf.Sightings, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("int8") / "model"
    export_model(tiny_model_folder, folder, precision="int8", pictures=drawn_table)
    return folder


def test_half_floats_and_eight_bits(
    tiny_model_folder: Path,
    exported_folder: Path,
    eight_bits: Path,
    drawn_table: pf.Sightings,
    tmp_path: Path,
) -> None:
    table, half = replace(drawn_table), tmp_path / "fp16"
    model = pf.load_model(tiny_model_folder)
    wanted, _ = model.embed(table)
    sizes = {"fp32": sum(each.stat().st_size for each in exported_folder.glob("*.onnx"))}
    prints = {model.fingerprint}
    export_model(tiny_model_folder, half, precision="fp16", pictures=table)
    for precision, folder, apart in (("fp16", half, 5e-3), ("int8", eight_bits, 0.3)):
        exported = pf.load_model(folder)
        assert isinstance(exported, OnnxModel)
        assert exported.card.precision == precision
        found, _ = exported.embed(table)
        lengths = np.linalg.norm(found.spaces["main"] - wanted.spaces["main"], axis=1)
        assert 0 < lengths.max() < apart
        told = exported.card.networks[0].parity["main"]
        training = np.flatnonzero(table.split == "train")
        compared = training[np.arange(len(training)) % 5 == 0]
        assert told.worst == pytest.approx(lengths[compared].max(), rel=0.2)
        assert f"{len(compared)} of {len(table)}" in exported.card.compared
        sizes[precision] = sum(each.stat().st_size for each in folder.glob("*.onnx"))
        prints.add(exported.fingerprint)
    assert len(prints) == 3  # no gallery of one is searched by another
    assert sizes["fp16"] < 0.6 * sizes["fp32"]
    assert sizes["int8"] < 0.4 * sizes["fp32"]


def test_eight_bits_cannot_overflow_on_a_processor_without_vnni(
    eight_bits: Path,
) -> None:
    """Such processors (AVX2) add two products in 16 bits: 2 x 255 x 64 is the most that fits."""
    products = products_of(eight_bits)
    weights = [each for each in products.values() if each.dtype == np.int8]
    filters = [each for each in weights if each.ndim == 4]
    assert len(filters) > 5
    assert all(2 * 255 * np.abs(each.astype(int)).max() < 2**15 for each in filters)
    scales = [
        each
        for name, each in products.items()
        if name.endswith("_scale") and each.ndim == 1 and len(each) > 1
    ]
    assert len(scales) >= len(filters)  # one for each channel


@pytest.mark.slow
def test_eight_bits_are_computed_as_onnx_defines_them(
    eight_bits: Path, drawn_table: pf.Sightings
) -> None:
    """By the reference of ONNX, which computes in floats and cannot overflow."""
    (path,) = eight_bits.glob("*.onnx")
    reader = InputPictures(drawn_table, 32, 32)
    pictures = np.stack([reader.read(row) for row in range(3)])
    graph = onnx.load(path)
    graph.opset_import[0].version = 19  # of which the reference has these operators; same meaning
    (wanted,) = ReferenceEvaluator(graph).run(None, {"pictures": pictures})
    exported = pf.load_model(eight_bits)
    assert isinstance(exported, OnnxModel)
    found = exported.networks[0].embed_images(pictures)["main"]
    # A sum that falls on the border of two steps may be rounded to either.
    assert np.linalg.norm(found - wanted, axis=1).max() < 0.05


def test_pictures_to_be_scored_are_not_calibrated_with(drawn_table: pf.Sightings) -> None:
    training = np.flatnonzero(drawn_table.split == "train")
    assert 0 < len(training) < len(drawn_table)
    trials = parity.trial_pictures(drawn_table, 32, 32)
    found = [*trials.compared, *trials.calibrating]
    reader = InputPictures(drawn_table, 32, 32)
    wanted = {reader.read(row).tobytes() for row in training.tolist()}
    assert {each.tobytes() for each in found} == wanted
    assert len(trials.compared) == -(-len(training) // 5)
    unsplit = replace(drawn_table, split=np.full(len(drawn_table), ""))
    trials = parity.trial_pictures(unsplit, 32, 32)
    assert len(trials.compared) + len(trials.calibrating) == len(drawn_table)


def test_eight_bits_need_pictures(tiny_model_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=facts("int8", "--calibrate")):
        export_model(tiny_model_folder, tmp_path / "model", precision="int8")
    assert not (tmp_path / "model").exists()


# --- the verb ----------------------------------------------------------------------------------


def test_the_verb_prints_parity_and_the_figures_of_both(
    tiny_model_folder: Path, drawn_folder: Path, tmp_path: Path, run: Run
) -> None:
    out = tmp_path / "model"
    code, text, err = run(
        *("export", tiny_model_folder, "--out", out, "--licence", "CC0-1.0"),
        *("--score", drawn_folder, "--json"),
        *("--limit", "It is blind at night.", "--limit", "It knows no trams."),
    )
    assert code == 0, err
    told = json.loads(text)
    assert told["networks"][0]["parity"]["main"]["worst"] < 1e-3
    (measured,) = told["figures"]
    wanted = pf.evaluate(tiny_model_folder, drawn_folder, scoring=pf.Scoring(post="none"))
    assert measured["torch"] == pytest.approx(wanted.figures())
    assert measured["figures"] == pytest.approx(wanted.figures(), abs=1e-3)
    assert (measured["protocol"], measured["rerank"]) == (wanted.protocol, "none")
    page = (out / "README.md").read_text()
    assert says(page, "CC0-1.0", "mAP", measured["data"], "blind at night", "no trams")
    assert pf.load_model(out).embed(pf.read_table(drawn_folder))[0].model == told["fingerprint"]
    code, text, err = run("export", tiny_model_folder, "--out", out, "--tolerance", "0")
    assert code == 1
    assert says(err, "main", "nothing was written")


def test_each_verb_takes_a_model_folder(
    exported_folder: Path, drawn_folder: Path, tmp_path: Path, run: Run
) -> None:
    pictures = sorted((drawn_folder / "images").iterdir())
    code, text, err = run("compare", *pictures[:2], "--model", exported_folder, "--json")
    assert code == 0, err
    assert -1 <= json.loads(text)["similarity"] <= 1
    stored = tmp_path / "stored"
    code, _, err = run("embed", drawn_folder, "--model", exported_folder, "--out", stored)
    assert code == 0, err
    other = tmp_path / "other.jpg"
    shutil.copy(pictures[0], other)
    with other.open("ab") as file:
        file.write(b"other")
    code, text, err = run("search", other, "--gallery", stored, "--json")
    assert code == 0, err
    told = json.loads(text)
    assert told["model"]["name"] == str(exported_folder)
    assert told["hits"][0]["similarity"] > 0.999
    code, text, err = run("eval", exported_folder, "--data", drawn_folder, "--json")
    assert code == 0, err
    code, _, err = run("eval", exported_folder, "--data", drawn_folder, "--scales", "1,0.5")
    assert code == 1
    assert says(err, "exported model", "checkpoint")


def test_the_network_in_torch_is_left_as_it_was(tiny_model_folder: Path, tmp_path: Path) -> None:
    model = pf.load_model(tiny_model_folder)
    assert isinstance(model, Network)
    before = {name: each.clone() for name, each in model.method.state_dict().items()}
    export_model(model, tmp_path / "model")  # type: ignore[arg-type]
    after = model.method.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
