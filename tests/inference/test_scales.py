"""Embeddings as the mean over scales, crops and mirror images."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from messages import facts, says
from torchvision.transforms.v2 import functional

import platefree as pf
from platefree import cli
from platefree.errors import MismatchError, RecipeError
from platefree.evaluation.evaluate import Scoring
from platefree.methods.catalogue import load_recipe, resolve
from platefree.recipes.toml import to_toml

SCALES = [1.0, 0.9, 0.75]


def slow_rows(model: pf.Model, images: torch.Tensor, crops: float, *, mirror: bool) -> np.ndarray:
    """One view of one picture after another, resized and cropped by torchvision."""
    rows = []
    for image in images:
        normalised = model.transform.normalise(image[None])
        total = torch.zeros(())
        size = list(image.shape[1:])
        views = [
            functional.resize(normalised, [round(scale * side) for side in size], antialias=True)
            for scale in SCALES
        ]
        if crops:
            parts = functional.five_crop(normalised, [round(crops * side) for side in size])
            views += [functional.resize(part, size, antialias=False) for part in parts]
        for view in views:
            for flip in (False, True)[: 1 + mirror]:
                with torch.inference_mode():
                    look = functional.horizontal_flip(view) if flip else view
                    total = total + model.method.embed(look)["main"][0].double()
        rows.append((total / total.norm()).numpy())
    return np.stack(rows)


@pytest.mark.parametrize("name", ["color_stripes", "trained"])
@pytest.mark.parametrize(("mirror", "crops"), [(True, 0.0), (False, 0.0), (True, 0.75)])
def test_rows_are_the_unit_mean_of_all_views(
    name: str, mirror: bool, crops: float, tiny_model_folder: Path
) -> None:
    model = pf.load_model(tiny_model_folder if name == "trained" else name)
    model = model.with_looks(scales=SCALES, crops=crops)
    model.method.eval()
    settings = model.recipe.input.model_copy(
        update={"test_time_flip": "average" if mirror else "off"}
    )
    model.recipe = model.recipe.model_copy(update={"input": settings})
    size = model.transform.height, model.transform.width
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 255, (4, 3, *size), dtype=torch.uint8, generator=generator)
    found = model.embed_images(images)["main"]
    np.testing.assert_allclose(
        found, slow_rows(model, images, crops, mirror=mirror), rtol=0, atol=1e-5
    )


def test_other_scales_are_another_model(drawn_table: pf.Sightings) -> None:
    model = pf.load_model("color_stripes")
    several = model.with_looks(scales=[1, 0.5])
    assert several.recipe.input.scales == [1.0, 0.5]
    assert several.fingerprint != model.fingerprint
    assert several.with_looks(scales=[1.0, 0.5]) is several
    assert model.with_looks(scales=[1]) is model
    gallery, _ = model.embed(drawn_table)
    with pytest.raises(MismatchError):
        pf.search(several, drawn_table.path(0), gallery)
    report = pf.evaluate(model, drawn_table, scoring=Scoring(scales=(1, 0.5)))
    assert report.settings["scales"] == "1, 0.5"
    assert report.model["fingerprint"] == several.fingerprint
    assert pf.evaluate(model, drawn_table).settings["scales"] == "1"


def test_other_crops_are_another_model(drawn_table: pf.Sightings) -> None:
    model = pf.load_model("color_stripes")
    several = model.with_looks(crops=0.875)
    assert several.fingerprint not in {
        model.fingerprint,
        model.with_looks(crops=0.75).fingerprint,
        model.with_looks(scales=[1, 0.5]).fingerprint,
    }
    assert several.with_looks(crops=0.875) is several
    assert several.with_looks(crops=0).describe_use() == model.describe_use()
    report = pf.evaluate(model, drawn_table, scoring=Scoring(crops=0.875))
    assert report.settings["crops"] == "five of 87.5 %"
    assert report.model["fingerprint"] == several.fingerprint
    for wrong in (0.1, 1.0, -0.5):
        with pytest.raises(RecipeError, match=facts("crops", str(wrong))):
            model.with_looks(crops=wrong)


def test_a_recipe_has_scales(tmp_path: Path) -> None:
    recipe = load_recipe("strong_baseline/small", {"input.scales": [1.0, 0.9, 0.8]})
    (tmp_path / "mine.toml").write_text(to_toml(recipe))
    assert load_recipe(tmp_path / "mine.toml").input.scales == [1.0, 0.9, 0.8]
    assert resolve(recipe).input.scales == [1.0, 0.9, 0.8]
    assert load_recipe("strong_baseline/small").input.scales == [1.0]
    for wrong in ([], [0.0], [3.0], ["a"]):
        with pytest.raises(RecipeError, match=facts("strong_baseline/small", "input.scales")):
            load_recipe("strong_baseline/small", {"input.scales": wrong})


def test_a_backbone_of_one_size_is_refused_before_training(
    drawn_table: pf.Sightings, tmp_path: Path
) -> None:
    recipe = load_recipe(
        "strong_baseline/small", {"model.backbone": "test_vit", "input.scales": [1.0, 0.9]}
    )
    with pytest.raises(
        RecipeError, match=facts("input.scales", "[1.0, 0.9]", "test_vit", "128 x 128", "[1.0]")
    ):
        pf.train(recipe, drawn_table, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_command_line(
    drawn_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for scales, code, message in (
        ("1,0.9,0.8", 0, ("scales 1, 0.9, 0.8",)),
        ("1,big", 2, ("--scales", "1,big", "1,0.9,0.8")),
        ("1,9", 1, ("input.scales.1", "9.0", "equal to 2")),
    ):
        words = ["eval", "color_stripes", "--data", str(drawn_folder), "--scales", scales]
        monkeypatch.setattr(sys, "argv", ["platefree", *words])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        assert stopped.value.code == code
        assert says("".join(capsys.readouterr()), message)
