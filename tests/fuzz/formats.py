"""The formats that are fuzzed: how a valid file is made, and what reads it."""

import contextlib
import hashlib
import io
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

import platefree as pf
from platefree.checkpoint import fingerprint_of
from platefree.data.frame_boxes import KINDS
from platefree.data.image import read_header, read_image
from platefree.data.learnt import NOTHING
from platefree.data.listed_text import Lines
from platefree.data.part_files import read_part_boxes
from platefree.data.readers.labels_xml import read_items
from platefree.data.readers.matlab import read_cells
from platefree.data.table import read_table
from platefree.data.vehicle_boxes import read_vehicle_boxes
from platefree.gallery.camera_distances import read_camera_distances
from platefree.gallery.embedded_tables import has_embeddings, read_embedded, write_embedded
from platefree.gallery.gallery_answer import GalleryAnswer, Question
from platefree.gallery.gallery_card import GalleryCard
from platefree.gallery.journeys import journeys_of
from platefree.gallery.recorded_answer import read_answer, write_answer
from platefree.inference.detector_card import DetectorCard
from platefree.inference.model_card import FileCard, ModelCard, NetworkCard
from platefree.inference.onnx_detector import open_detector_folder
from platefree.inference.onnx_model import open_model_folder
from platefree.recipes.overrides import parse_overrides


@dataclass(frozen=True)
class Format:
    """A kind of file.

    Attributes:
        name: of its file.
        damage: the kind of damage, see `mutations.damaged`.
        make: writes a valid file into a folder, and whatever belongs to it.
        read: reads the file; anything but a `PlatefreeError` is a fault.
        share: how many inputs in a round.
    """

    name: str
    damage: str
    make: Callable[[Path], None]
    read: Callable[[Path], object]
    share: int


# --- tables and lists -------------------------------------------------------------------------

CSV = """\
image,vehicle,camera,time,frame,x0,y0,x1,y1,color
0.png,v1,c1,2026-01-02T03:04:05Z,,,,,,red
1.png,v1,c2,2026-01-02 03:04:06,,,,,,"dark, blue"
2.png,v2,c1,,,1,2,30,40,
clip.mp4,v2,c2,2026-01-02T03:04:05+02:00,7,0,0,10.5,20,
"""
XML = """\
<?xml version="1.0" encoding="gb2312"?>
<TrainingImages Version="1.0">
<Items number="2">
<Item imageName="0001_c001.jpg" vehicleID="0001" cameraID="c001" colorID="1" typeID="4"/>
<Item imageName="0002_c002.jpg" vehicleID="0002" cameraID="c002" colorID="2" typeID="-1"/>
</Items></TrainingImages>
"""
PLACES = '[{"name": "c1", "map": [0, 1.5], "lens": 4}, {"name": "c2", "map": [300, -2e3]}]'
WAYS = 'from,to,metres\nc1,c2,400\n"c, 2",c3,0.5\nc3,c1,9\n'
LIST = "0001_c001_00016450_0.jpg\n0002_c002_00016450_0.jpg 1 2\n\n车 3\n"


def text(content: str, name: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        (folder / name).write_text(content, encoding="utf-8")

    return make


def parquet_table(folder: Path) -> None:
    columns = {
        "image": ["0.png", "1.png", "2.png"],
        "vehicle": pa.array(["v1", "v1", None]).dictionary_encode(),
        "camera": pa.array([1, 2, 3]),
        "time": pa.array([1, 2, None], pa.timestamp("ms")),
        "x0": [1.0, None, None], "y0": [1.0, None, None],
        "x1": [9.0, None, None], "y1": [9.0, None, None],
    }  # fmt: skip
    pq.write_table(pa.table(columns), folder / "t.parquet")


def table(path: Path) -> None:
    found = read_table(path)
    assert len(found) >= 1
    assert all(isinstance(image, str) and image for image in found.image.tolist())
    found.fingerprint()


def words(path: Path) -> None:
    for _ in Lines.read(path).fields((1, 2, 3), "up to three words"):
        pass


def matlab(folder: Path) -> None:
    from scipy.io import savemat

    cells = np.array([["Audi", "BMW", "车"]], object).T
    savemat(folder / "names.mat", {"make_names": cells}, do_compression=False)


def cells(path: Path) -> None:
    read_cells(path, "make_names")


# --- boxes ------------------------------------------------------------------------------------

VEHICLE_BOXES = "image,left,top,right,bottom\n0.png,1,2,30,31.5\n1.png,,,,\n0.png,0,0,48,32\n"
PART_BOXES = "image,part,x0,y0,x1,y1,score\n0.png,window,1,2,30,31.5,0.9\n1.png,,,,,,\n"


def pictures(folder: Path) -> None:
    for number in range(3):
        Image.new("RGB", (48, 32), (number, 2, 3)).save(folder / f"{number}.png")


def with_pictures(content: str, name: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        pictures(folder)
        text(content, name)(folder)

    return make


def coco(folder: Path) -> None:
    content = {
        "images": [{"id": 1, "file_name": "0.png"}, {"id": "b", "file_name": "1.png"}],
        "categories": [{"id": 3, "name": "window"}, {"id": 4, "name": "lights"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 3, "bbox": [1, 2, 10.5, 12], "score": 0.5},
            {"id": 2, "image_id": "b", "category_id": 4, "bbox": [0, 0, 5, 6]},
        ],
    }
    (folder / "parts.json").write_text(json.dumps(content))


def city_labels(folder: Path) -> None:
    pictures(folder)
    box = pa.list_(pa.float32())
    columns = {
        "image": ["0.png", "1.png"],
        "vehicle_box": pa.array([[1, 2, 30, 31], [0, 0, 0, 0]], box),
        **{
            name: pa.array([[[1, 2, 3, 4]], None], pa.list_(box))
            for name in ("windows", "lights", "brand")
        },
    }
    pq.write_table(pa.table(columns), folder / "labels.parquet")


def vehicle_boxes(path: Path) -> None:
    columns = {"image": [f"{number}.png" for number in range(3)]}
    read_vehicle_boxes(path, pf.Sightings.from_columns(path.parent, columns))


def both_boxes(path: Path) -> None:
    read_part_boxes(path)
    vehicle_boxes(path)


# --- recipes ----------------------------------------------------------------------------------

RECIPE = """\
description = "a recipe"
[model]
method = "strong_baseline"
backbone = "resnet18"
embedding_size = 64
margin = 0.3
[input]
height = 64
width = 96
mean = [0.5, 0.5, 0.5]
std = [0.2, 0.2, 0.2]
[augment]
pad = 4
[train]
epochs = 4
lr = 1e-3
rate_factors = { a = 0.5 }
decay_epochs = [1.0, 2.5]
seed = 3
workers = 2
[post]
steps = ["expand", "rerank"]
[post.rerank]
k1 = 20
[[stages]]
name = "warm"
steps = 10
freeze = ["backbone"]
[[stages]]
name = "main"
"""
ABLATION = """\
title = "losses"
figures = ["mAP"]
notes = ["a note"]
[set]
"train.lr" = 0.01
[[rows]]
name = "one"
recipe = "strong_baseline/small"
set = { "train.epochs" = 2 }
paper = { mAP = 0.5 }
[[rows]]
name = "two"
recipe = "strong_baseline/small"
"""
SETTINGS = "train.lr=0.01\ninput.mean=[0.1, 0.2, 0.3]\nmodel.backbone='resnet18'\n"


def recipe(path: Path) -> None:
    pf.load_recipe(path)


def ablation(path: Path) -> None:
    from platefree.experiments.ablation import load_ablation

    load_ablation(path)


def overrides(path: Path) -> None:
    given = path.read_bytes().decode("utf-8", "surrogateescape").split("\n")
    pf.load_recipe("strong_baseline/small", parse_overrides([each for each in given if each]))


# --- models -----------------------------------------------------------------------------------


def model(folder: Path) -> None:
    """A checkpoint folder with random weights, as training would write it."""
    from platefree.methods.catalogue import build_method, resolve
    from platefree.nets.weights import save_checkpoint

    changes = {"model.backbone": "test_resnet", "input.height": 32, "input.width": 32}
    resolved = resolve(pf.load_recipe("strong_baseline/demo", changes))
    classes = {"vehicle": 4, "camera": 2}
    card = {
        "method": "strong_baseline",
        "recipe": resolved.model_dump(),
        "names": {"camera": ["c1", "c2"]},
        "data": {"path": "t.csv", "fingerprint": "abc", "images": 9, "vehicles": 4},
        "seed": 0, "classes": classes, "step": 3, "total_steps": 8, "best_map": None,
        "training": {"stage": "main", "scaler": {}},
    }  # fmt: skip
    save_checkpoint(folder, card, build_method(resolved, classes, weights="none").state_dict())
    (weights,) = folder.glob("weights-*.safetensors")
    weights.rename(folder / "weights.safetensors")
    card_path = folder / "card.json"
    content = json.loads(card_path.read_text())
    content["files"]["weights"]["name"] = "weights.safetensors"
    card_path.write_text(json.dumps(content, indent=1))


def card(path: Path) -> None:
    """Its fingerprint is mended, as by someone who means it."""
    with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):
        content = json.loads(path.read_bytes())
        content |= {key: fingerprint_of(content) for key in ("fingerprint", "seal")}
        path.write_text(json.dumps(content))
    pf.load_model(path.parent).describe()


def weights(path: Path) -> None:
    """The hash in the card is mended, as by someone who means it."""
    card_path = path.parent / "card.json"
    content = json.loads(card_path.read_text())
    found = path.read_bytes()
    content["files"]["weights"] |= {
        "sha256": hashlib.sha256(found).hexdigest(),
        "bytes": len(found),
    }
    content |= {key: fingerprint_of(content) for key in ("fingerprint", "seal")}
    card_path.write_text(json.dumps(content))
    pf.load_model(path.parent)


def exported(folder: Path) -> None:
    """An exported model: the mean color, divided by its length."""
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("Cast", ["pictures"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats", "axes"], ["means"], keepdims=0),
        helper.make_node("LpNormalization", ["means"], ["space_main"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "colors",
        [helper.make_tensor_value_info("pictures", TensorProto.UINT8, ["n", 3, 16, 16])],
        [helper.make_tensor_value_info("space_main", TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor("axes", TensorProto.INT64, [2], [2, 3])],
    )
    whole = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    content = whole.SerializeToString()
    entry = FileCard.of("network", content)
    network = NetworkCard(
        name="n", method="strong_baseline", fingerprint="f", file=entry, height=16, width=16,
        spaces={"main": 3}, comparison={"kind": "cosine", "space": "main"},
    )  # fmt: skip
    made = ModelCard(
        fingerprint="f", method="strong_baseline", precision="fp32", networks=[network],
        fractions=[1.0], learns="vehicle", predicts={"view": ["front"]}, post={},
        about={"recipe": "r"}, learnt=NOTHING.to_json(), learnt_file=FileCard.of("learnt", b""),
        licence="CC0-1.0",
    ).sealed()  # fmt: skip
    for name in (entry.name, "network.onnx"):
        (folder / name).write_bytes(content)
    (folder / made.learnt_file.name).write_bytes(b"")
    (folder / "card.json").write_text(made.text())
    Image.new("RGB", (9, 5), "orange").save(folder / "one.png")


def exported_card(path: Path) -> None:
    """Its seal is mended, as by someone who means it."""
    with contextlib.suppress(ValueError, RecursionError):
        content = json.loads(path.read_bytes())
        path.write_text(ModelCard.model_validate(content).sealed().text())
    picture = path.parent / "one.png"
    pf.compare(open_model_folder(path.parent), picture, picture)


def exported_network(path: Path) -> None:
    """The card names it, as by someone who means it."""
    content = path.read_bytes()
    entry = FileCard.of("network", content)
    (path.parent / entry.name).write_bytes(content)
    card_path = path.parent / "card.json"
    told = json.loads(card_path.read_text())
    told["networks"][0]["file"] = entry.model_dump()
    card_path.write_text(json.dumps(told))
    exported_card(card_path)


def detector(folder: Path) -> None:
    """An exported detector: a convolution of 8 x 8 pixels."""
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(0)
    tensors = {
        "weight": random.normal(0, 1e-3, (49, 3, 8, 8)).astype(np.float32),
        "rows": np.array([0, 49, -1]),
        "bins": np.array([0, 0, 4, 11]),
        "sizes": np.array([5, 44]),
    }
    nodes = [
        helper.make_node("Conv", ["pictures", "weight"], ["maps"], strides=[8, 8]),
        helper.make_node("Reshape", ["maps", "rows"], ["flat"]),
        helper.make_node("Transpose", ["flat"], ["each"], perm=[0, 2, 1]),
        helper.make_node("Split", ["each", "sizes"], ["quality", "far"], axis=2),
        helper.make_node("Reshape", ["far", "bins"], ["sides"]),
    ]
    shapes = {"pictures": ["b", 3, "h", "w"], "quality": ["b", "n", 5], "sides": ["b", "n", 4, 11]}
    values = {
        name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
    }
    graph = helper.make_graph(
        nodes,
        "boxes",
        [values["pictures"]],
        [values["quality"], values["sides"]],
        [numpy_helper.from_array(each, name) for name, each in tensors.items()],
    )
    whole = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    content = whole.SerializeToString()
    made = DetectorCard(
        fingerprint="f", method="vehicle_detector", precision="fp32", learns="frames",
        learnt=NOTHING.to_json(), learnt_file=FileCard.of("learnt", b""), licence="CC0-1.0",
        name="n", file=FileCard.of("network", content), classes=list(KINDS), longest=64,
        multiple=32, mean=[1.0, 2.0, 3.0], strides=[8], bins=11, threshold=0.5,
    ).sealed()  # fmt: skip
    (folder / made.file.name).write_bytes(content)
    (folder / made.learnt_file.name).write_bytes(b"")
    (folder / "card.json").write_text(made.text())


def detector_card(path: Path) -> None:
    """Its seal is mended, as by someone who means it."""
    with contextlib.suppress(ValueError, RecursionError):
        content = json.loads(path.read_bytes())
        path.write_text(DetectorCard.model_validate(content).sealed().text())
    frame = np.arange(40 * 50 * 3, dtype=np.uint8).reshape(40, 50, 3)
    (found,) = open_detector_folder(path.parent).detect([frame])
    assert np.isfinite(found.box).all()


# --- embeddings -------------------------------------------------------------------------------


def embeddings(folder: Path) -> None:
    """Stored embeddings in the folder ``whole``."""
    rows = np.eye(6, 8, dtype=np.float32)
    columns = {"image": [f"{number}.jpg" for number in range(6)], "vehicle": ["a", "b"] * 3}
    sightings = pf.Sightings.from_columns(folder, columns)
    pf.save_embeddings(pf.Embeddings({"main": rows}, sightings, "0123456789ab"), folder / "whole")


def embeddings_part(name: str) -> Callable[[Path], None]:
    """Stored embeddings, and beside them a copy of the file of theirs that begins like ``name``."""

    def make(folder: Path) -> None:
        embeddings(folder)
        shutil.copy(part_of(folder, name), folder / name)

    return make


def part_of(folder: Path, name: str) -> Path:
    (part,) = (folder / "whole").glob(f"{Path(name).stem}*{Path(name).suffix}")
    return part


def stored(path: Path) -> None:
    whole = path.parent / "whole"
    shutil.copy(path, part_of(path.parent, path.name))
    found = pf.load_stored(whole).embeddings
    assert all(np.isfinite(rows).all() for rows in found.spaces.values())
    found.sightings.fingerprint()


def embedded(name: str) -> Callable[[Path], None]:
    """A table with embeddings."""

    def make(folder: Path) -> None:
        rows = np.eye(6, 8, dtype=np.float32)
        table = pf.Sightings.from_columns(folder, {"image": [f"{each}.jpg" for each in range(6)]})
        content = np.arange(1, 97, dtype=np.uint8).reshape(6, 16)
        write_embedded(pf.Embeddings({"main": rows}, table, "0123456789ab", content), folder / name)

    return make


def embedded_rows(path: Path) -> None:
    if has_embeddings(path):
        found = read_embedded(path)
        assert all(np.isfinite(rows).all() for rows in found.spaces.values())
        assert found.content is None or found.content.shape == (len(found), 16)
    else:
        read_table(path)


def gallery(folder: Path) -> None:
    """The card of a gallery whose sightings are kept for some days."""
    pf.Gallery.create(
        folder / "lot",
        "color_stripes",
        retention=pf.Retention(days=90, cameras={"gate": 0.5}),
    )
    shutil.copy(folder / "lot" / "gallery.json", folder)


def gallery_card(path: Path) -> None:
    shutil.copy(path, path.parent / "lot")
    pf.Gallery.open(path.parent / "lot").info()


# --- pictures ---------------------------------------------------------------------------------


def picture(kind: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        x, y = np.meshgrid(np.arange(48), np.arange(32))
        drawn = np.stack([5 * x, 8 * y, 3 * (x + y), 255 - x], axis=2).astype(np.uint8)
        image = Image.fromarray(drawn)
        exif = Image.Exif()
        exif[0x0112] = 6
        options = {} if kind in ("BMP", "GIF", "PPM") else {"exif": exif}
        if kind in ("JPEG", "BMP", "PPM", "AVIF"):
            image = image.convert("RGB")
        buffer = io.BytesIO()
        image.save(buffer, kind, **options)
        (folder / f"picture.{kind.lower()}").write_bytes(buffer.getvalue())

    return make


def pixels(path: Path) -> None:
    header = read_header(path)
    whole = read_image(path)
    assert (whole.mode, whole.size) == ("RGB", (header.width, header.height))
    small = read_image(path, at_least=(3, 3))
    assert small.mode == "RGB"


PICTURES = {
    f"picture {kind}": Format(
        f"picture.{kind.lower()}", "png" if kind == "PNG" else "bytes", picture(kind), pixels, 400
    )
    for kind in ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "PPM")
}


def answer(folder: Path) -> None:
    Image.new("RGB", (40, 30), "red").save(folder / "query.png")
    query = pf.query_picture(folder / "query.png", time="2026-05-01T07:00Z", box=(1, 2, 30, 20))
    where = pf.Filter(cameras=["gate", ""], between=("22:00", "06:00"), not_numbers=[4])
    question = Question(query, None, where, 5, pf.Post(steps=["rerank"]), pf.Feedback([7], [8]))
    labels = {"camera": "gate", "track": "1", "time": "2026-05-01T07:00:00Z"}
    hits = [pf.Hit(rank, 0.5, Path("a.jpg"), labels, number=rank + 10) for rank in (1, 2)]
    card = GalleryCard(model="m", model_path=None, comparison={}, created="2026-05-01T07:00+00:00")
    found = GalleryAnswer(hits, [], [], 9, 100, model="m", version=3, question=question)
    write_answer(found, card, folder / "answer.json")


def asked_again(path: Path) -> object:
    found = read_answer(path)
    return found.question(), journeys_of([hit.hit() for hit in found.hits])


FORMATS = {
    "table CSV": Format("t.csv", "text", text(CSV, "t.csv"), table, 500),
    "table Parquet": Format("t.parquet", "bytes", parquet_table, table, 500),
    "answer JSON": Format("answer.json", "json", answer, asked_again, 500),
    "places of cameras": Format(
        "cameras.json", "json", text(PLACES, "cameras.json"), read_camera_distances, 200
    ),
    "ways between cameras": Format(
        "ways.csv", "text", text(WAYS, "ways.csv"), read_camera_distances, 200
    ),
    "label XML": Format("l.xml", "text", text(XML, "l.xml"), read_items, 500),
    "list": Format("list.txt", "text", text(LIST, "list.txt"), words, 300),
    "MATLAB": Format("names.mat", "bytes", matlab, cells, 300),
    "vehicle boxes CSV": Format(
        "boxes.csv", "text", with_pictures(VEHICLE_BOXES, "boxes.csv"), vehicle_boxes, 300
    ),
    "part boxes CSV": Format(
        "parts.csv", "text", text(PART_BOXES, "parts.csv"), read_part_boxes, 300
    ),
    "part boxes COCO": Format(
        "parts.json", "json", coco, read_part_boxes, 500
    ),
    "city labels": Format("labels.parquet", "bytes", city_labels, both_boxes, 300),
    "recipe TOML": Format("mine.toml", "text", text(RECIPE, "mine.toml"), recipe, 500),
    "ablation TOML": Format("mine.toml", "text", text(ABLATION, "mine.toml"), ablation, 200),
    "--set values": Format("set.txt", "text", text(SETTINGS, "set.txt"), overrides, 200),
    "card.json": Format("card.json", "json", model, card, 150),
    "card.json of an exported model": Format("card.json", "json", exported, exported_card, 150),
    "card.json of a detector": Format("card.json", "json", detector, detector_card, 150),
    "network of an exported model": Format(
        "network.onnx", "bytes", exported, exported_network, 300
    ),
    "weights safetensors": Format("weights.safetensors", "bytes", model, weights, 100),
    "embedded CSV": Format("e.csv", "text", embedded("e.csv"), embedded_rows, 300),
    "embedded Parquet": Format("e.parquet", "bytes", embedded("e.parquet"), embedded_rows, 300),
    "card of a gallery": Format("gallery.json", "json", gallery, gallery_card, 150),
    **{
        f"embeddings {name}": Format(name, damage, embeddings_part(name), stored, 200)
        for name, damage in (
            ("embeddings.json", "json"),
            ("main.npy", "bytes"),
            ("content.npy", "bytes"),
            ("sightings.parquet", "bytes"),
        )
    },
    **PICTURES,
}  # fmt: skip
