"""Building SAM 2: sizes, image sizes, devices, and Hydra left alone."""

import copy
import importlib
import pickle
import sys

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from pvuw.errors import PvuwError
from pvuw.nets.identify import identify
from pvuw.nets.sam2 import Sam2
from pvuw.nets.sam2.build import OFFICIAL_SIZES, SIZES, build_sam2_base, config_path
from pvuw.nets.sam2.quiet_import import import_sam2_quietly
from pvuw.types import MaskPrompt, VideoBatch


def clip(side=64):
    masks = torch.zeros(1, 3, 1, side, side, dtype=torch.bool)
    masks[..., 10:40, 10:40] = True
    frames = torch.randint(0, 256, (1, 3, 3, side, side), dtype=torch.uint8)
    return VideoBatch(frames, masks, [1], [[1]], ["v"], torch.arange(3)[None])


def run_session(net, side=64):
    session = net.eval().start()
    mask = torch.zeros(1, side, side, dtype=torch.bool)
    mask[:, 10:40, 10:40] = True
    frame = torch.randint(0, 256, (3, side, side), dtype=torch.uint8)
    return [session.step(frame, MaskPrompt([1], mask)), session.step(frame)]


def train_once(net):
    output = net.train().forward_clip(clip())
    sum(step.mask_logits.mean() for frame in output.decodings for step in frame).backward()


# Sizes and versions.


def test_nano_has_one_to_two_million_parameters():
    net = build_sam2_base("nano")
    assert 1e6 < sum(p.numel() for p in net.parameters()) < 2e6
    assert net.image_size == 256


@pytest.mark.parametrize("version", ["2.0", "2.1"])
@pytest.mark.parametrize("size", ["tiny", pytest.param("small", marks=pytest.mark.slow)])
def test_official_sizes_are_what_they_are_called(size, version):
    net = build_sam2_base(size, version=version)
    assert net.image_size == 1024
    assert identify(net.state_dict()) == f"SAM {version} {size}"


@pytest.mark.slow
@pytest.mark.parametrize("size", ["base_plus", "large"])
def test_large_official_sizes_are_what_they_are_called(size):
    assert identify(build_sam2_base(size).state_dict()) == f"SAM 2.1 {size}"


def test_every_size_has_a_file():
    paths = {config_path(size) for size in SIZES}
    paths |= {config_path(size, version="2.0") for size in OFFICIAL_SIZES}
    assert len(paths) == len(SIZES) + len(OFFICIAL_SIZES)
    assert all(path.is_file() for path in paths)


def test_a_yaml_file_of_ones_own(tmp_path):
    config = OmegaConf.load(config_path("nano"))
    config.model.image_size = 96
    OmegaConf.save(config, tmp_path / "own.yaml")
    assert build_sam2_base(str(tmp_path / "own.yaml")).image_size == 96


def test_memory_mask_scale_reaches_the_network():
    net = Sam2(memory_mask_scale=7.5, memory_mask_bias=-4.0).model
    assert (net.sigmoid_scale_for_mem_enc, net.sigmoid_bias_for_mem_enc) == (7.5, -4.0)


@pytest.mark.parametrize(
    ("size", "options", "says"),
    [
        ("huge", {}, "huge"),
        ("nano", {"version": "2.0"}, "nano"),
        ("tiny", {"version": "3"}, "'3'"),
        ("nano", {"image_size": 100}, "100"),
        ("nano", {"image_size": 0}, "0"),
        ("nano", {"image_size": -32}, "-32"),
        ("missing.yaml", {}, "missing.yaml"),
    ],
)
def test_bad_arguments_are_named(size, options, says):
    with pytest.raises(PvuwError, match=says):
        build_sam2_base(size, **options)


def test_a_yaml_file_without_a_network(tmp_path):
    (tmp_path / "x.yaml").write_text("trainer: {}\n")
    with pytest.raises(PvuwError, match=r"x\.yaml.*model"):
        build_sam2_base(str(tmp_path / "x.yaml"))


@pytest.mark.parametrize(
    ("switch", "value"),
    [
        ("non_overlap_masks_for_mem_enc", True),
        ("use_mask_input_as_output_without_sam", False),
        ("max_cond_frames_in_attn", 4),
        ("memory_temporal_stride_for_eval", 2),
        ("num_maskmem", 1),
    ],
)
def test_switches_inference_does_not_know_are_refused(tmp_path, switch, value):
    config = OmegaConf.load(config_path("nano"))
    config.model[switch] = value
    OmegaConf.save(config, tmp_path / "own.yaml")
    with pytest.raises(PvuwError, match=switch):
        Sam2(str(tmp_path / "own.yaml"))


# Image sizes.


@pytest.mark.parametrize("image_size", [32, 64, 96, 160])
def test_image_sizes(image_size):
    net = Sam2(image_size=image_size)
    assert run_session(net)[1].mask_logits.shape == (1, image_size // 4, image_size // 4)


@pytest.mark.parametrize("layer", [0, 1])
def test_rotary_tables_fit_the_image(layer):
    attention = build_sam2_base("nano", image_size=96).memory_attention.layers[layer]
    assert attention.self_attn.freqs_cis.shape[0] == 36
    assert attention.cross_attn_image.freqs_cis.shape[0] == 36


# Inference before training: Lightning's sanity check runs before the first step.


def test_training_works_after_inference_mode():
    net = Sam2(image_size=64)
    run_session(net)
    train_once(net)
    layers = net.model.memory_attention.layers
    assert all(layer.cross_attn_image.q_proj.weight.grad is not None for layer in layers)
    assert not any(layer.self_attn.freqs_cis.is_inference() for layer in layers)


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_copies_predict_the_same(clone):
    net = Sam2(image_size=64)
    torch.manual_seed(1)
    expected = run_session(net)[1].mask_logits
    copied = clone(net)
    torch.manual_seed(1)
    assert torch.equal(run_session(copied)[1].mask_logits, expected)
    train_once(copied)


# Devices.


def test_nothing_is_put_on_a_gpu_at_build(monkeypatch):
    """Where CUDA exists upstream allocates on cuda:0, in every process of a multi-GPU run."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    net = build_sam2_base("nano")  # upstream's code would ask this machine for CUDA
    assert {tensor.device.type for tensor in net.state_dict().values()} == {"cpu"}
    assert net.memory_attention.layers[0].self_attn.freqs_cis.device.type == "cpu"


def test_rotary_tables_move_with_the_network():
    net = build_sam2_base("nano").to("meta")
    for layer in net.memory_attention.layers:
        assert layer.self_attn.freqs_cis.device.type == "meta"
        assert layer.cross_attn_image.freqs_cis.device.type == "meta"


def test_rotary_tables_stay_complex():
    net = build_sam2_base("nano").to(torch.bfloat16)
    assert net.memory_attention.layers[0].self_attn.freqs_cis.is_complex()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu():
    net = Sam2(image_size=64).cuda()
    outputs = run_session(net)
    assert outputs[1].mask_logits.device.type == "cuda"
    assert outputs[1].mask_logits.isfinite().all()
    cpu = run_session(net.cpu())
    assert cpu[1].mask_logits.device.type == "cpu"


# Hydra. `sam2/__init__.py` runs again in these tests, as in a fresh process.


@pytest.fixture
def fresh_import(monkeypatch):
    monkeypatch.delitem(sys.modules, "sam2")
    found = GlobalHydra.instance().hydra
    GlobalHydra.instance().hydra = None
    yield
    GlobalHydra.instance().hydra = found


@pytest.fixture
def app_configs(tmp_path):
    (tmp_path / "app.yaml").write_text("answer: 42\n")
    return str(tmp_path)


def test_importing_sam2_does_touch_hydra(fresh_import):
    """The reason for all this; when it fails, upstream has changed."""
    importlib.import_module("sam2")
    assert GlobalHydra.instance().is_initialized()


def test_hydra_is_not_initialised_by_us(fresh_import, app_configs):
    import_sam2_quietly()
    build_sam2_base("nano")
    assert not GlobalHydra.instance().is_initialized()
    with initialize_config_dir(app_configs, version_base=None):
        assert compose("app").answer == 42


def test_hydra_of_the_application_stays(fresh_import, app_configs):
    with initialize_config_dir(app_configs, version_base=None):
        hydra = GlobalHydra.instance().hydra
        import_sam2_quietly()
        build_sam2_base("nano")
        assert GlobalHydra.instance().hydra is hydra
        assert compose("app").answer == 42


# Stochastic depth.


def drop_rates(net):
    blocks = net.model.image_encoder.trunk.blocks
    return [getattr(block.drop_path, "drop_prob", 0.0) for block in blocks]


def test_stochastic_depth_grows_to_the_rate_along_the_trunk():
    assert drop_rates(Sam2(image_size=64)) == [0.0] * 5
    assert drop_rates(Sam2(image_size=64, drop_path_rate=0.2)) == pytest.approx(
        [0.0, 0.05, 0.1, 0.15, 0.2]
    )


def test_stochastic_depth_is_random_in_training_and_absent_in_inference():
    torch.manual_seed(0)
    plain = Sam2(image_size=64)
    net = Sam2(image_size=64, drop_path_rate=0.5)
    net.load_state_dict(plain.state_dict())
    images = torch.rand(2, 3, 64, 64)

    def encoded(network):
        return network.model.forward_image(images)["vision_features"]

    assert torch.equal(encoded(net.eval()), encoded(plain.eval()))
    first, second = encoded(net.train()), encoded(net.train())
    assert not torch.equal(first, second)
    net.model.image_encoder.requires_grad_(False)
    assert torch.equal(encoded(net.train()), encoded(plain.eval()))  # a frozen encoder drops none


@pytest.mark.parametrize("rate", [-0.1, 1.0, 1.5])
def test_impossible_rate_of_stochastic_depth_is_refused(rate):
    with pytest.raises(PvuwError, match=rf"drop_path_rate .* got {rate}"):
        Sam2(drop_path_rate=rate)
