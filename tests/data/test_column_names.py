"""Other names of columns, columns that mean several things, and those that are not used."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import Run
from messages import facts, says

from platefree.data.part_files import read_part_boxes
from platefree.data.table import read_table
from platefree.errors import DataError
from platefree.types import Sightings

Read = Callable[[str, str], Sightings]


@pytest.fixture(params=["csv", "parquet"])
def read(request: pytest.FixtureRequest, tmp_path: Path) -> Read:
    def write_and_read(header: str, row: str) -> Sightings:
        path = tmp_path / f"table.{request.param}"
        if request.param == "csv":
            path.write_text(f"{header}\n{row}\n")
        else:
            cells = [pa.array([cell]) for cell in row.split(",")]
            pq.write_table(pa.Table.from_arrays(cells, header.split(",")), path)
        return read_table(path)

    return write_and_read


@pytest.mark.parametrize(
    ("name", "column"),
    [
        *((name, "vehicle") for name in ("vehicle_id", "vehicleID", "pid", "Vehicle ID", "veh-id")),
        *((name, "camera") for name in ("camid", "cam", "cam_id", "cameraID", "CameraId", "cid")),
        *((name, "track") for name in ("track_id", "tid", "tracklet")),
        *((name, "color") for name in ("colour", "Colour", "vehicle_colour", "colorID")),
        *((name, "type") for name in ("vehicle_type", "body_type", "typeID")),
        *((name, "view") for name in ("viewpoint", "view_id")),
        *((name, "make") for name in ("brand", "Manufacturer")),
        *((name, "model") for name in ("car_model", "model_name")),
        ("dataset", "source"),
    ],
)
def test_usual_names_are_read(
    name: str, column: str, read: Read, caplog: pytest.LogCaptureFixture
) -> None:
    table = read(f"image,{name}", "a.jpg,x7")
    assert getattr(table, column).tolist() == ["x7"]
    if name.lower() != "colour":  # a spelling, no other name
        assert says(caplog.text, f"'{name}'", "read as", f"'{column}'")
        assert len(caplog.records) == 1


@pytest.mark.parametrize(
    "name", ["img", "path", "image_path", "File Name", "filename", "imageName"]
)
def test_names_of_the_paths(name: str, read: Read, caplog: pytest.LogCaptureFixture) -> None:
    assert read(f"{name},vehicle", "a.jpg,1").image.tolist() == ["a.jpg"]
    assert says(caplog.text, f"'{name}'", "'image'")


@pytest.mark.parametrize("name", ["timestamp", "datetime", "Date Time", "captured_at"])
def test_names_of_the_time(name: str, read: Read) -> None:
    table = read(f"image,{name}", "a.jpg,2026-05-01T10:00:00+02:00")
    assert table.time.tolist() == [np.datetime64("2026-05-01T08:00", "ms").item()]


def test_subset_is_split(read: Read) -> None:
    assert read("image,vehicle,subset", "a.jpg,1,Query").split.tolist() == ["query"]
    with pytest.raises(DataError, match=facts("split", "'val'", "train, query, gallery")):
        read("image,vehicle,subset", "a.jpg,1,val")


@pytest.mark.parametrize(
    "names",
    [
        "x1,y1,x2,y2",
        "left,top,right,bottom",
        "xmin,ymin,xmax,ymax",
        "x_min,y_min,x_max,y_max",
        "bbox_x1,bbox_y1,bbox_x2,bbox_y2",
    ],
)
def test_names_of_a_box(names: str, read: Read, caplog: pytest.LogCaptureFixture) -> None:
    assert read(f"image,{names}", "a.jpg,1,2,30,40").box.tolist() == [[1, 2, 30, 40]]
    assert says(caplog.text, f"'{names.split(',')[0]}'", "'x0'")


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("image,cam,camid", ("'cam' and 'camid'", "'camera'", "rename")),
        ("path,filename,vehicle", ("'path' and 'filename'", "'image'")),
        ("image,pid,vehicle_id", ("'pid' and 'vehicle_id'", "'vehicle'")),
        ("image,id,camera", ("'id'", "mean 'vehicle'", "Rename")),
        ("image,label,camera", ("'label'", "mean 'vehicle'")),
        ("image,class,camera", ("'class'", "mean 'vehicle'")),
        ("image,ts,camera", ("'ts'", "mean 'time'")),
        ("image,camrea,vehicle", ("'camrea'", "mean 'camera'")),
        ("image,bbox,vehicle", ("box", "'bbox'"[1:-1], "x0, y0, x1, y1")),
    ],
)
def test_what_may_be_two_things_is_refused(
    header: str, message: tuple[str, ...], read: Read
) -> None:
    with pytest.raises(DataError, match=facts(*message)):
        read(header, "a.jpg,1,2")


def test_boxes_with_a_size_are_refused(read: Read) -> None:
    for names in ("x,y,w,h", "left,top,width,height", "bbox_x,bbox_y,bbox_w,bbox_h"):
        with pytest.raises(DataError, match=facts("box", "x0, y0, x1, y1")):
            read(f"image,{names}", "a.jpg,1,2,30,40")
    assert not read("image,x,y", "a.jpg,1,2").knows("box")  # may be a place on a map


def test_the_index_of_pandas_is_named_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "t.csv").write_text(",image\n0,a.jpg\n")
    read_table(tmp_path / "t.csv")
    assert says(caplog.text, "not used: one without a name")


def test_far_too_many_columns(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f"image{',x' * 400_000}\n")
    with pytest.raises(DataError, match=facts("400,001 columns", "5,000")):
        read_table(tmp_path / "t.csv")


def test_the_usual_name_wins(read: Read, caplog: pytest.LogCaptureFixture) -> None:
    table = read("image,id,vehicle,camid,camera", "a.jpg,1,v,2,c")
    assert (table.vehicle.tolist(), table.camera.tolist()) == (["v"], ["c"])
    assert says(caplog.text, "not used", "'id'", "'camid'")


def test_every_verb_names_what_is_not_used(
    run: Run, tmp_path: Path, drawn_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "photos.csv"
    header, *rows = (drawn_folder / "images.csv").read_text().splitlines()
    rows = [f"{drawn_folder}/{row},48.1,11.5" for row in rows]
    path.write_text("\n".join([f"{header.replace('camera', 'camid')},lat,lon", *rows]))
    out = ["--out", tmp_path / "out"]
    verbs = (
        ["data", "check", path],
        ["data", "split", path, "--out", tmp_path / "split.csv"],
        ["data", "merge", path, "--out", tmp_path / "merged.csv"],
        ["embed", path, "--model", "color_stripes", *out],
        ["eval", "color_stripes", "--data", path],
    )
    for verb in verbs:
        caplog.clear()
        run(*verb)
        assert says(caplog.text, "'camid'", "'camera'", "'lat', 'lon'"), verb
        assert caplog.text.count("'lat'") == 1, verb
    shell = [sys.executable, "-c", "from platefree.cli import main; main()"]
    done = subprocess.run([*shell, *map(str, verbs[1])], capture_output=True, text=True, check=True)
    assert says(done.stderr, "'camid'", "'camera'", "'lat', 'lon'")
    assert "lat" not in done.stdout


def test_files_of_boxes_name_what_is_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "parts.csv").write_text(
        "image,part,x0,y0,x1,y1,score,author\na.jpg,light,1,2,3,4,1,me\n"
    )
    assert len(read_part_boxes(tmp_path / "parts.csv")) == 1
    assert says(caplog.text, "parts.csv", "not used: 'author'")
    assert "'score'" not in caplog.text
