"""What the W&B callbacks share: when they log, and how a frame with masks becomes an image."""

from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.loggers import WandbLogger
from torch import Tensor

from pvuw.types import FramePrediction


def wandb_logger(trainer: Trainer) -> WandbLogger | None:
    """The trainer's W&B logger, the same answer on every process; None where it has none."""
    return next((lg for lg in trainer.loggers if isinstance(lg, WandbLogger)), None)


def is_rehearsal(trainer: Trainer) -> bool:
    """Whether this is a sanity check of a few videos; one of all of them is a measurement."""
    return trainer.sanity_checking and trainer.num_sanity_val_steps != float("inf")


def shrink(image: Tensor, max_side: int) -> Tensor:
    """Every k-th pixel of `[..., H, W]`, with the smallest k that fits: exact for id maps."""
    step = -(-max(image.shape[-2:]) // max_side)
    return image[..., ::step, ::step]


def shrink_prediction(prediction: FramePrediction, max_side: int) -> FramePrediction:
    """A copy of a prediction with frame, id map and truth shrunk, and without its logits."""
    truth = prediction.truth
    empty = prediction.output.mask_logits.new_zeros(0, 0, 0)
    return FramePrediction(
        frame_idx=prediction.frame_idx,
        frame_name=prediction.frame_name,
        frame=shrink(prediction.frame, max_side).clone(),
        id_map=shrink(prediction.id_map, max_side).clone(),
        output=type(prediction.output)(list(prediction.output.object_ids), empty),
        truth=None if truth is None else shrink(truth, max_side).clone(),
        sentence=prediction.sentence,
    )


def overlay_image(prediction: FramePrediction, *, caption: str) -> Any:
    """A W&B image with the masks of prediction and truth to switch on and off.

    Args:
        prediction: The frame.
        caption: Names it; followed by the sentence if one was asked.
    """
    import wandb

    if prediction.sentence is not None:
        caption = f"{caption}: {prediction.sentence}"

    ids = prediction.output.object_ids
    labels = {0: "background"} | {i: f"object {i}" for i in ids}
    layers = {"prediction": prediction.id_map, "ground_truth": prediction.truth}
    masks = {
        name: {"mask_data": layer.numpy(), "class_labels": labels}
        for name, layer in layers.items()
        if layer is not None
    }
    pixels = prediction.frame.permute(1, 2, 0).numpy()
    return wandb.Image(pixels, masks=masks, caption=caption, file_type="jpg")
