"""Fine-tuned, averaged and adapted weights, exported, in the sam2 package: the same masks."""

import functools

import pytest
import torch

from pvuw.cli import main
from pvuw.nets.checkpoint import read_checkpoint
from pvuw.types import MaskPrompt
from tests.helpers.cli import build
from tests.helpers.noise import SUMMATION
from tests.helpers.sam2_reference import (
    at_size,
    build_predictor,
    read_frames,
    reference_logits,
    write_generated_video,
)

OVERLAYS = {
    "plain": (),
    "averaged": ("overlays/ema.yaml", "overlays/freeze_image_encoder.yaml"),
    "adapted": ("overlays/lora.yaml",),
}
SHORT = (
    "--trainer.max_epochs", 2, "--data.clip.clips_per_epoch", 4, "--trainer.limit_val_batches", 0,
    "--model.optim.lr", 0.01, "--model.optim.warmup_steps", 0, "--model.optim.final_lr_ratio", 1,
)  # fmt: skip


def arguments(nano, command, kind, *more):
    overlays = [word for name in OVERLAYS[kind] for word in ("--config", name)]
    return nano(command, *overlays, *SHORT, *more)


@pytest.fixture(scope="module")
def train(nano, tmp_path_factory):
    """`train(kind)`: folder of a short run, with its exported weights as `a.pt`."""

    @functools.cache
    def run(kind):
        if kind == "adapted":
            pytest.importorskip("peft", reason="needs the `lora` extra")
        out = tmp_path_factory.mktemp(kind)
        assert main(arguments(nano, "fit", kind, "--out", out)) == 0
        export = ["weights", "export", "--ckpt", last(out), "--out", out / "a.pt"]
        assert main([str(word) for word in export]) == 0
        return out

    return run


def last(out):
    return out / "checkpoints" / "last.ckpt"


def run_ours(net, frames, masks):
    session = net.eval().start(len(frames))
    prompt = MaskPrompt(list(masks), torch.stack(list(masks.values())))
    outputs = [session.step(f, prompt if t == 0 else None) for t, f in enumerate(frames)]
    return [at_size(output.mask_logits, frames[0].shape[-2:]) for output in outputs]


@pytest.mark.slow
@pytest.mark.parametrize("kind", OVERLAYS)
def test_the_sam2_package_predicts_the_same_masks(train, kind, nano, tmp_path):
    out = train(kind)
    id_maps = write_generated_video(tmp_path / "video", num_frames=6, size_hw=(90, 120))
    masks = {i: torch.from_numpy(id_maps[0] == i) for i in (1, 2)}
    content = torch.load(last(out), weights_only=True)

    exported = torch.load(out / "a.pt", weights_only=True)["model"]
    predictor = build_predictor("nano", 64)
    predictor.load_state_dict(exported, strict=True)
    theirs = reference_logits(predictor, tmp_path / "video", {0: masks})

    alone = ("--model.net.objects_per_batch", 1, "--out", tmp_path / "unused")
    net = build(*arguments(nano, "fit", kind, *alone)).model.net
    frames = read_frames(tmp_path / "video")
    untrained = run_ours(net, frames, masks)
    net.load_state_dict({n.removeprefix("net."): w for n, w in content["state_dict"].items()})
    trained = run_ours(net, frames, masks)
    plain = build(*arguments(nano, "fit", "plain", *alone)).model.net
    plain.model.load_state_dict(exported)
    ours = run_ours(plain, frames, masks)

    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    # Adapters add what is merged there: rounding, which grows as memory is read, frame by frame.
    assert (trained[1] - theirs[1]).abs().max() <= SUMMATION * max(a.abs().max() for a in theirs)
    for a, b in zip(trained, theirs, strict=True):
        assert not (((a > 0) != (b > 0)) & (b.abs() > 0.01)).any()
    assert max((a - b).abs().max() for a, b in zip(trained, untrained, strict=True)) > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("kind", OVERLAYS)
def test_an_export_holds_what_was_trained(train, kind, nano, tmp_path):
    out = train(kind)
    weights = torch.load(out / "a.pt", weights_only=True)["model"]
    start = build(*arguments(nano, "fit", "plain", "--out", tmp_path)).model.net.model.state_dict()
    assert weights.keys() == start.keys()
    changed = {name for name, weight in weights.items() if not torch.equal(weight, start[name])}
    if kind == "plain":
        assert len(changed) > len(start) / 2
    if kind == "averaged":
        assert changed
        assert not any(name.startswith("image_encoder") for name in changed)
        content = torch.load(last(out), weights_only=True)
        name = "memory_attention.norm.weight"
        assert torch.equal(weights[name], content["state_dict"][f"net.model.{name}"])
        assert not torch.equal(weights[name], content["current_model_state"][f"net.model.{name}"])
    if kind == "adapted":
        assert all(
            name.startswith(("image_encoder", "memory_attention")) and name.endswith(".weight")
            for name in changed
        )
        assert len(changed) > 20


@pytest.mark.slow
def test_an_adapted_run_continues_exactly_and_only_as_one(train, nano, tmp_path, capsys):
    out, half = train("adapted"), tmp_path / "half"
    fit = functools.partial(arguments, nano, "fit", "adapted", "--out", half)
    assert main(fit("--trainer.max_epochs", 1)) == 0
    assert main(fit("--ckpt_path", "last")) == 0
    expected, resumed = (
        torch.load(last(folder), weights_only=True)["state_dict"] for folder in (out, half)
    )
    assert expected.keys() == resumed.keys()
    assert all(torch.equal(expected[name], resumed[name]) for name in expected)

    assert main(nano("predict", "--out", tmp_path / "p", "--ckpt_path", last(out))) == 2
    assert "the checkpoint's adapters are {'rank': 8" in capsys.readouterr().err
    assert read_checkpoint(last(out)).adapters.rank == 8
