"""Which frames were decoded, where a loss takes one mask per object."""

from pvuw.types import ClipOutput, StepOutput


def only_steps(output: ClipOutput, loss: str) -> dict[int, StepOutput]:
    """The decoding of each frame that has one, by frame.

    Args:
        output: What the network said.
        loss: Name of the loss that asks, for the error.

    Raises:
        ValueError: If no frame was decoded, or one more than once or to several candidates.
    """
    steps = {t: frame[0] for t, frame in enumerate(output.steps) if frame}
    counts = [len(frame) for frame in output.steps if frame]
    candidates = [step.mask_logits.shape[1] for step in steps.values()]
    if not steps or any(n != 1 for n in counts + candidates):
        raise ValueError(
            f"{loss} takes one mask per object from one decoding per frame, got {counts} decodings "
            f"with {candidates} candidates; use VOSLoss"
        )
    return steps
