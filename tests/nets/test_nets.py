from pathlib import Path

import pytest
import timm
import torch
from messages import facts
from safetensors.torch import save_file

from platefree.errors import CheckpointError, RecipeError, TrainingError
from platefree.nets.backbones import Backbone, backbone_statistics, has_fixed_size
from platefree.nets.branches import BranchedBackbone
from platefree.nets.heads import BNNeck, GeneralisedMean
from platefree.nets.ibn import IBN
from platefree.nets.weights import save_checkpoint
from platefree.nets.xception import Xception

SMALL = {"height": 64, "width": 96}


@pytest.mark.parametrize(
    ("name", "stride"),
    [
        ("test_resnet", 32),
        ("test_convnext", 32),
        ("test_vit", 16),
        ("test_byobnet", 32),
        ("resnet18", 32),
        ("resnet18_ibn_a", 32),
        ("swin_tiny_patch4_window7_224", 32),
    ],
)
def test_backbones_give_maps_of_the_pictures_shape(name: str, stride: int) -> None:
    backbone = Backbone(name, height=64, width=128).eval()
    with torch.inference_mode():
        maps = backbone(torch.randn(2, 3, 64, 128))
    assert maps.shape == (2, backbone.channels, 64 // stride, 128 // stride)


def test_patch_tokens_keep_their_place() -> None:
    backbone = Backbone("test_vit", height=64, width=128)
    grid = torch.arange(4 * 8, dtype=torch.float32).reshape(4, 8)
    prefix = torch.full((1, backbone.network.num_prefix_tokens, 1), -1.0)
    tokens = torch.cat([prefix, grid.reshape(1, -1, 1)], dim=1)
    maps = backbone._tokens_to_map(tokens, torch.zeros(1, 3, 64, 128))
    assert torch.equal(maps[0, 0], grid)


@pytest.mark.parametrize(
    "name",
    [
        *("resnet18", "resnet50", "resnet50_ibn_a", "resnet18d"),
        *("tf_efficientnet_lite0", "efficientnet_b0", "mobilenetv2_100"),
    ],
)
def test_last_stride_1_doubles_the_last_map_and_adds_no_parameter(name: str) -> None:
    plain = Backbone(name, height=64, width=64).eval()
    larger = Backbone(name, height=64, width=64, last_stride=1).eval()
    with torch.inference_mode():
        assert larger(torch.zeros(1, 3, 64, 64)).shape[2:] == (4, 4)
    assert {k: v.shape for k, v in plain.state_dict().items()} == {
        k: v.shape for k, v in larger.state_dict().items()
    }


def test_ibn_a_sits_first_in_the_blocks_of_layers_1_to_3_only() -> None:
    network = Backbone("resnet50_ibn_a", **SMALL).network
    places = {name for name, module in network.named_modules() if isinstance(module, IBN)}
    blocks = {1: 3, 2: 4, 3: 6}
    assert places == {f"layer{n}.{b}.bn1" for n, count in blocks.items() for b in range(count)}


def test_ibn_normalises_half_by_picture_and_half_by_batch() -> None:
    maps = torch.randn(4, 6, 5, 5) * 3 + 1
    out = IBN(6).train()(maps)
    for picture in range(4):
        for channel in range(3):
            one = maps[picture, channel]
            expected = (one - one.mean()) / (one.var(unbiased=False) + 1e-5).sqrt()
            torch.testing.assert_close(out[picture, channel], expected, atol=1e-4, rtol=1e-4)
    for channel in range(3, 6):
        one = maps[:, channel]
        expected = (one - one.mean()) / (one.var(unbiased=False) + 1e-5).sqrt()
        torch.testing.assert_close(out[:, channel], expected, atol=1e-4, rtol=1e-4)


def test_generalised_mean_is_its_formula_and_between_mean_and_maximum() -> None:
    maps = torch.rand(2, 3, 4, 5) + 0.1
    pooled = GeneralisedMean(exponent=3.0)(maps)
    for b in range(2):
        for c in range(3):
            values = maps[b, c].flatten().tolist()
            expected = (sum(v**3 for v in values) / len(values)) ** (1 / 3)
            assert pooled[b, c].item() == pytest.approx(expected, rel=1e-4)
    torch.testing.assert_close(GeneralisedMean(exponent=1.0)(maps), maps.mean((2, 3)))
    assert (pooled >= maps.mean((2, 3))).all()
    assert (pooled <= maps.amax((2, 3))).all()


def test_the_neck_has_no_learnt_shift_and_a_classifier_without_bias() -> None:
    neck = BNNeck(8, vehicles=5)
    assert not neck.norm.bias.requires_grad
    assert neck.classifier.bias is None
    assert neck.classifier(neck(torch.randn(4, 8))).shape == (4, 5)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("resnet5O", {}, ("model.backbone", "mean 'resnet50'")),
        ("resnet50_ibn_b", {}, ("model.backbone", "mean 'resnet50_ibn_a'")),
        ("test_vit", {"last_stride": 1}, ("model.last_stride = 1", "ResNet")),
        ("resnet50_ibn_a", {"weights": "timm"}, ("timm", "no weights", "model.weights=FILE")),
        ("googlenet", {"weights": "timm"}, ("timm", "no weights", "model.weights=FILE")),
    ],
)
def test_impossible_backbones_are_refused(
    name: str, options: dict[str, str], message: tuple[str, ...]
) -> None:
    with pytest.raises(RecipeError, match=facts(name, message)):
        Backbone(name, **SMALL, **options)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("prefix", ["", "module.", "backbone."])
def test_local_weights_load_whatever_wraps_them(tmp_path: Path, suffix: str, prefix: str) -> None:
    source = Backbone("resnet18_ibn_a", **SMALL)
    tensors = {prefix + key: value for key, value in source.network.state_dict().items()}
    tensors |= {"fc.weight": torch.zeros(10, 512), "fc.bias": torch.zeros(10)}
    file = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save({"state_dict": tensors}, file)
    else:
        save_file(tensors, file)
    loaded = Backbone("resnet18_ibn_a", **SMALL, weights=str(file))
    for key, value in source.state_dict().items():
        assert torch.equal(loaded.state_dict()[key], value), key


def test_a_backbone_starts_from_that_of_a_checkpoint(tmp_path: Path) -> None:
    source = Backbone("test_resnet", **SMALL)
    backbone = {f"backbone.{key}": value for key, value in source.state_dict().items()}
    card = {"step": 1, "recipe": {"model": {}, "input": {}}}
    save_checkpoint(tmp_path / "best", card, {**backbone, "neck.norm.weight": torch.ones(3)})
    loaded = Backbone("test_resnet", **SMALL, weights=str(tmp_path / "best"))
    assert all(
        torch.equal(value, loaded.state_dict()[key]) for key, value in source.state_dict().items()
    )
    save_checkpoint(tmp_path / "other", card, {"branches.0.weight": torch.ones(3)})
    with pytest.raises(TrainingError, match=facts("other", "no backbone", "strong_baseline")):
        Backbone("test_resnet", **SMALL, weights=str(tmp_path / "other"))
    with pytest.raises(CheckpointError, match=facts("card.json", "did you mean")):
        Backbone("test_resnet", **SMALL, weights=str(tmp_path))


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "other.safetensors"
    save_file(Backbone("resnet18", **SMALL).network.state_dict(), file)
    with pytest.raises(
        TrainingError, match=facts("other.safetensors", "36 of 132", "missing", "IN.weight")
    ):
        Backbone("resnet18_ibn_a", **SMALL, weights=str(file))
    file.write_bytes(b"not a file of tensors")
    with pytest.raises(TrainingError, match=facts("other.safetensors", "cannot be read")):
        Backbone("resnet18", **SMALL, weights=str(file))
    with pytest.raises(TrainingError, match=facts("absent.safetensors", "does not exist", "timm")):
        Backbone("resnet18", **SMALL, weights=str(tmp_path / "absent.safetensors"))


def test_a_pickle_with_code_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (str(tmp_path / "owned"),))

    file = tmp_path / "evil.pth"
    torch.save({"a": Evil()}, file)
    with pytest.raises(TrainingError, match=facts("evil.pth", "plain tensors", "safetensors")):
        Backbone("resnet18", **SMALL, weights=str(file))
    assert not (tmp_path / "owned").exists()


def test_without_a_hub_published_weights_say_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(TrainingError, match=facts("test_resnet", "model.weights=FILE")):
        Backbone("test_resnet", **SMALL, weights="timm")


def test_channel_statistics_are_those_of_the_backbone() -> None:
    assert backbone_statistics("vit_base_patch16_224")[0] == [0.5, 0.5, 0.5]
    assert backbone_statistics("resnet50_ibn_a")[0] == pytest.approx([0.485, 0.456, 0.406])


@pytest.mark.parametrize(
    ("name", "shared", "stride", "options"),
    [
        ("test_resnet", 48, 8, {}),
        ("resnet18_ibn_a", 128, 8, {"last_stride": 1}),
        ("test_convnext", 32, 8, {}),
        ("test_byobnet", 64, 8, {}),
        ("mobilenetv3_small_050", 16, 8, {}),
        ("regnetx_002", 56, 8, {}),
        ("swin_tiny_patch4_window7_224", None, 8, {}),
        ("googlenet", 480, 16, {}),  # the pooling before inception 4a learns nothing
    ],
)
def test_branches_fork_where_the_stride_becomes_16(
    name: str, shared: int | None, stride: int, options: dict[str, int]
) -> None:
    backbone = BranchedBackbone(name, branches=2, height=64, width=64, **options).eval()  # type: ignore[arg-type]
    with torch.inference_mode():
        before = backbone.shared(torch.zeros(1, 3, 64, 64))
        forked = backbone(torch.zeros(1, 3, 64, 64))
    if shared is not None:
        assert before.shape[1:] == (shared, 64 // stride, 64 // stride)
    size = 4 if options else 2
    assert [each.shape for each in forked] == 2 * [(1, backbone.channels, size, size)]


def test_googlenet_is_shared_up_to_inception_4a() -> None:
    backbone = BranchedBackbone("googlenet", branches=2, height=64, width=64)
    whole = Backbone("googlenet", height=64, width=64).network
    shared = [name for name, _ in whole.named_children()][: len(backbone.shared)]
    assert shared[-2:] == ["inception3b", "maxpool3"]
    count = sum(p.numel() for p in whole.parameters())
    added = sum(p.numel() for p in backbone.parameters()) - count
    assert 0.85 < added / count < 0.9  # "+87 % parameters", section 4.7 of the paper


def test_the_small_xception_is_timms_with_a_sixth_of_the_channels() -> None:
    theirs = timm.create_model("legacy_xception", num_classes=0, global_pool="").eval()
    whole = Xception(fraction=1.0).eval()
    whole.load_state_dict(theirs.state_dict())
    images = torch.randn(2, 3, 71, 96)
    with torch.inference_mode():
        torch.testing.assert_close(
            whole.forward_features(images), theirs.forward_features(images), atol=1e-4, rtol=1e-4
        )
    small, google = (
        sum(weights.numel() for weights in Backbone(name, **SMALL).parameters())
        for name in ("xception_sixth", "googlenet")
    )
    assert 0.09 < small / google < 0.11  # "10% parameters", section 4.5 of the paper
    shapes = {name: each.shape for name, each in theirs.state_dict().items()}
    for name, each in Backbone("xception_sixth", **SMALL).network.state_dict().items():
        for mine, published in zip(each.shape, shapes[name], strict=True):
            assert mine == published or abs(mine - published / 6) <= 4


@pytest.mark.parametrize("name", ["googlenet", "xception_sixth", "vgg_cnn_m_1024"])
def test_networks_that_timm_lacks_take_pictures_of_any_size(name: str) -> None:
    assert not has_fixed_size(name)
    assert len(backbone_statistics(name)[0]) == 3
    backbone = Backbone(name, **SMALL).eval()
    with torch.inference_mode():
        shapes = {backbone(torch.randn(1, 3, size, size)).shape[2:] for size in (96, 160)}
    assert len(shapes) == 2


def test_strong_activations_of_vgg_m_outlive_half_precision() -> None:
    torch.manual_seed(0)
    backbone, images = Backbone("vgg_cnn_m_1024", **SMALL).eval(), 400 * torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        expected = backbone(images)
        with torch.autocast("cpu", torch.float16):
            found = backbone(images).float()
    assert backbone.network.conv1(images).max() > 256  # whose square is no half-precision number
    torch.testing.assert_close(found, expected, rtol=0.02, atol=0.01 * expected.max().item())


def test_each_branch_is_what_the_whole_network_would_be_with_its_weights() -> None:
    backbone = BranchedBackbone("test_resnet", branches=3, height=64, width=64).eval()
    images = torch.randn(2, 3, 64, 64)
    for branch, forked in zip(backbone.branches, backbone(images), strict=True):
        whole = Backbone("test_resnet", height=64, width=64).eval()
        weights = [*backbone.shared.state_dict().values(), *branch.state_dict().values()]
        names = whole.network.state_dict().keys()
        whole.network.load_state_dict(dict(zip(names, weights, strict=True)))
        torch.testing.assert_close(whole(images), forked)


def test_branches_share_no_weights_and_start_apart() -> None:
    backbone = BranchedBackbone("test_resnet", branches=2, height=64, width=64)
    one, other = (dict(branch.named_parameters()) for branch in backbone.branches)
    assert not {id(p) for p in one.values()} & {id(p) for p in other.values()}
    matrices = [name for name, p in one.items() if p.ndim > 1]
    assert all(not torch.equal(one[name], other[name]) for name in matrices)


def test_weights_of_a_file_start_the_shared_layers_and_every_branch(tmp_path: Path) -> None:
    source = Backbone("test_resnet", **SMALL).network
    save_file(source.state_dict(), tmp_path / "weights.safetensors")
    weights = str(tmp_path / "weights.safetensors")
    backbone = BranchedBackbone("test_resnet", branches=2, **SMALL, weights=weights)
    for branch in backbone.branches:
        loaded = [*backbone.shared.state_dict().values(), *branch.state_dict().values()]
        for found, expected in zip(loaded, source.state_dict().values(), strict=True):
            assert torch.equal(found, expected)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("test_vit", ("sequence of layers", "ResNet")),
        ("convmixer_1024_20_ks9_p14", ("stride of 14", "branches")),
    ],
)
def test_a_network_without_stages_cannot_be_cut(name: str, message: tuple[str, ...]) -> None:
    with pytest.raises(RecipeError, match=facts(name, message)):
        BranchedBackbone(name, branches=2, height=112, width=112)


def test_a_network_that_cannot_look_at_such_pictures_says_so() -> None:
    with pytest.raises(RecipeError, match=facts("test_vit", "56 x 56 pixels", "48 or 64")):
        BranchedBackbone("test_vit", branches=2, height=56, width=56)
