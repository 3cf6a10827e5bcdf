"""Public data sets of a few pictures, written by hand as they are unpacked."""

from collections.abc import Mapping
from pathlib import Path

Files = Mapping[str, str | bytes]

PICTURE = b"never opened"


def write_files(root: Path, files: Files) -> Path:
    """Write files below ``root``; text becomes UTF-8."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def label_file(items: list[dict[str, str]], extra: str = "") -> bytes:
    """A label file in gb2312, with a word of Chinese in it."""
    lines = [
        "  <Item " + " ".join(f'{key}="{value}"' for key, value in item.items()) + " />"
        for item in items
    ]
    text = '<?xml version="1.0" encoding="gb2312"?>\n<TrainingImages Version="1.0" 地点="北京">\n'
    text += f' <Items number="{len(items)}">\n' + "\n".join(lines) + extra
    return (text + "\n </Items>\n</TrainingImages>\n").encode("gb2312")


VEHICLEID: Files = {
    "image/0000001.jpg": PICTURE,
    "train_test_split/train_list.txt": "0000001 7\n0000002 7\n0000003 8\n",
    "train_test_split/test_list_800.txt": "0000004 9\n0000005 9\n",
    "train_test_split/test_list_1600.txt": "0000004 9\n0000005 9\n0000006 10\n",
    "attribute/model_attr.txt": "7 0\n9 1\n10 2\n",
    "attribute/color_attr.txt": "7 3\n",
    "attribute/color_names.txt": "black 0\nblue 1\ngray 2\nred 3\n",
    "attribute/model_names.txt": "Audi A6L 2012 0\nMazda 6 1\nMazda 6 2\n",
}

_TRAIN = ["0001_c001_00016450_0.jpg", "0001_c002_00016460_0.jpg", "0003_c001_00016470_1.jpg"]
_TEST = ["0002_c001_00026450_0.jpg", "0002_c002_00026455_0.jpg", "0002_c001_00026460_0.jpg"]


def veri_item(name: str, color: str = "1", kind: str = "2") -> dict[str, str]:
    vehicle, camera, *_ = name.split("_")
    ids = {"vehicleID": vehicle, "cameraID": camera}
    return {"imageName": name, **ids, "colorID": color, "typeID": kind}


VERI: Files = {
    "image_train/0001_c001_00016450_0.jpg": PICTURE,
    "image_query/0002_c001_00026450_0.jpg": PICTURE,
    "image_test/0002_c001_00026450_0.jpg": PICTURE,
    "name_train.txt": "\n".join(_TRAIN) + "\n",
    "name_query.txt": _TEST[0] + "\n",
    "name_test.txt": "\n".join(_TEST) + "\n",
    "train_label.xml": label_file([veri_item(_TRAIN[0]), veri_item(_TRAIN[1], kind="0")]),
    "test_label.xml": label_file([veri_item(name, color="2") for name in _TEST]),
    "list_color.txt": "1 yellow\n2 orange\n",
    "list_type.txt": "1 sedan\n2 suv\n",
    "jk_index.txt": "1 3\n",
    "gt_index.txt": "2\n",
    "test_track.txt": f"0002_c001_00026450 {_TEST[0]} {_TEST[2]} \n0002_c002_1 {_TEST[1]}\n",
}

VERI_WILD: Files = {
    "images/00001/000001.jpg": PICTURE,
    "train_test_split/train_list.txt": "00001/000001\n00001/000002\n00002/000003\n",
    "train_test_split/test_3000_query.txt": "00003/000004\n",
    "train_test_split/test_3000.txt": "00003/000005\n00004/000006\n",
    "train_test_split/vehicle_info.txt": (
        "id/image;Camera ID;Time;Model;Type;Color\n"
        "00001/000001;12;2018-03-01 07:12:03;Mercedes-Benz / AMG GT;sedan;white\n"
        "00001/000002;13;2018-03-01 23:59:59;Mercedes-Benz / AMG GT;sedan;white\n"
        "00003/000004;12;2018-03-02 00:00:00;Great Wall;pickup truck;black\n"
    ),
}

CITYFLOW: Files = {
    "image_train/000001.jpg": PICTURE,
    "image_query/000001.jpg": PICTURE,
    "image_test/000001.jpg": PICTURE,
    "train_label.xml": label_file(
        [
            {"imageName": "000001.jpg", "vehicleID": "0011", "cameraID": "c006"},
            {"imageName": "000002.jpg", "vehicleID": "0011", "cameraID": "c007"},
            {"imageName": "000003.jpg", "vehicleID": "0012", "cameraID": "c006"},
        ]
    ),
    "query_label.xml": label_file(
        [{"imageName": f"00000{n}.jpg", "cameraID": "c001"} for n in (1, 2)]
    ),
    "test_label.xml": label_file([{"imageName": f"00000{n}.jpg"} for n in (1, 2, 3, 4)]),
    "train_track.txt": "000001.jpg\n000002.jpg\n000003.jpg\n",
    "test_track.txt": "000001.jpg 000003.jpg \n000002.jpg\n000004.jpg\n",
}

COMPCARS: Files = {
    "image/1/11/2011/aa.jpg": PICTURE,
    "image/1/11/2012/bb.jpg": PICTURE,
    "image/2/12/2011/cc.jpg": PICTURE,
    "image/2/13/2011/dd.jpg": PICTURE,
    "label/1/11/2011/aa.txt": "1\n1\n1 1 2 2\n",
    "train_test_split/classification/train.txt": "1/11/2011/aa.jpg\n",
    "train_test_split/classification/test.txt": "1/11/2012/bb.jpg\n",
    "train_test_split/verification/verification_pairs_easy.txt": (
        "2/12/2011/cc.jpg 1/11/2012/bb.jpg 0\n1/11/2011/aa.jpg 1/11/2012/bb.jpg 1\n"
    ),
    "misc/attributes.txt": (
        "model_id maximum_speed displacement door_number seat_number type\n"
        "11 235 1.8 5 5 3\n12 0 0.0 0 0 0\n"
    ),
}

SURVEILLANCE: Files = {
    "image/1/aa.jpg": PICTURE,
    "train_surveillance.txt": "1/aa.jpg\n2/bb.jpg\n",
    "test_surveillance.txt": "1/cc.jpg\n",
}

VRIC: Files = {
    "train_images/a.jpg": PICTURE,
    "probe_images/c.jpg": PICTURE,
    "gallery_images/d.jpg": PICTURE,
    "vric_train.txt": "a.jpg 5 11\nb.jpg 5 12\n",
    "vric_probe.txt": "c.jpg 6 11\n",
    "vric_gallery.txt": "d.jpg 6 12\n",
}

VEHICLEX: Files = {
    "sys_image_train/0001_c002_1.jpg": PICTURE,
    "train_label.xml": label_file(
        [
            {"imageName": "0001_c002_1.jpg", "orientation": "12.5", "colorID": "4", "typeID": "0"},
            {"imageName": "0002_c001_7.jpg", "vehicleID": "0002", "cameraID": "c001"},
        ]
    ),
}

SETS: Mapping[str, Files] = {
    "vehicleid": VEHICLEID,
    "veri-776": VERI,
    "veri-wild": VERI_WILD,
    "cityflow": CITYFLOW,
    "compcars": COMPCARS,
    "compcars-surveillance": SURVEILLANCE,
    "vric": VRIC,
    "vehiclex": VEHICLEX,
}
