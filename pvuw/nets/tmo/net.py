"""TMO as a `VideoSegmenter`."""

from pathlib import Path

from torch import Tensor

from pvuw.nets.base import TrainableSegmenter
from pvuw.nets.checkpoint import load_official
from pvuw.nets.flow import FlowConfig, FlowEstimator
from pvuw.nets.tmo.clip_forward import forward_clip
from pvuw.nets.tmo.encoders import Variant
from pvuw.nets.tmo.identities import IdentityConfig
from pvuw.nets.tmo.network import TmoNetwork
from pvuw.nets.tmo.session import TmoSession
from pvuw.nets.tmo.stream import ForegroundStream
from pvuw.types import ForegroundClip, VideoBatch

_MULTIPLE = 32
_IDENTITIES = IdentityConfig()


class Tmo(TrainableSegmenter):
    """TMO (Cho et al. 2023, https://arxiv.org/abs/2209.03138): finds what stands out or moves.

    It knows one foreground and no objects. Prompts give ids, which sessions carry along the flow
    (`pvuw.nets.tmo.identities`); `start` ignores the number of frames. The training forward takes
    no prompt and one object per clip, the union of all (`ForegroundModule` makes it).

    Args:
        variant: `rn101` (ResNet-101, 93 M parameters) or `mitb1` (MiT-b1, 34 M).
        weights: Published file or training checkpoint to start from; default: random weights.
            ImageNet weights are never downloaded. Every key must fit.
        image_size: Side of the square, in pixels and a multiple of 32, that frames and motion are
            squashed to. Published weights were trained with 384.
        flow: How motion is estimated; None: the frame stands in for it, which TMO was trained for
            too, though scores differ from data set to data set.
        select_output: Adaptive output selection: take the output without motion wherever it is the
            more settled one; twice the decoding. Without flow it changes nothing.
        still_share: Chance that a training clip's frames stand in for its motion. TMO was trained
            with 3 still images to 1 frame with flow.
        identities: When a foreground counts as an object's.
    """

    clip_output = ForegroundClip
    uses_every_weight = True

    def __init__(
        self,
        variant: Variant = "rn101",
        *,
        weights: Path | None = None,
        image_size: int = 384,
        flow: FlowConfig | None = None,
        select_output: bool = False,
        still_share: float = 0.75,
        identities: IdentityConfig = _IDENTITIES,
    ) -> None:
        super().__init__()
        if image_size < _MULTIPLE or image_size % _MULTIPLE:
            raise ValueError(f"image_size must be a multiple of {_MULTIPLE}, got {image_size}")
        if not 0 <= still_share <= 1:
            raise ValueError(f"still_share must be in 0..1, got {still_share}")
        self.vos = TmoNetwork(variant, image_size=image_size)
        self.estimator = None if flow is None else FlowEstimator(flow)
        self.reads_next_frame = flow is not None
        self.select_output = select_output
        self.still_share = still_share
        self.identities = identities
        if weights is not None:
            load_official(weights, self)

    def start(self, num_frames: int | None = None, *, scale: float = 1.0) -> TmoSession:
        """Begin a video; see `VideoSegmenter.start`.

        Raises:
            RuntimeError: In training mode, where layers would be skipped at random.
        """
        del num_frames
        return TmoSession(self.stream(scale=scale), self.identities)

    def stream(self, *, scale: float = 1.0) -> ForegroundStream:
        """Begin a video of which only the foreground is wanted.

        Raises:
            RuntimeError: In training mode, where layers would be skipped at random.
        """
        if self.training:
            raise RuntimeError("the network is in training mode; call .eval() before start()")
        side = max(1, round(self.vos.image_size * scale / _MULTIPLE)) * _MULTIPLE
        return ForegroundStream(
            self.vos, self.estimator, side=side, select_output=self.select_output
        )

    def network_size(self, size_hw: tuple[int, int]) -> tuple[int, int]:
        """The square of `image_size`."""
        return self.vos.image_size, self.vos.image_size

    def forward_clip(self, batch: VideoBatch, *, features: bool = False) -> ForegroundClip:
        """Run the training forward; see `pvuw.nets.tmo.clip_forward.forward_clip`."""
        return forward_clip(
            self.vos,
            batch,
            estimator=self.estimator,
            still_share=self.still_share,
            features=features,
        )

    def parts(self) -> dict[str, tuple[str, ...]]:
        """What recipes may freeze, adapt or compile."""
        return {
            "image_encoder": ("vos.app_encoder",),
            "motion_encoder": ("vos.mo_encoder",),
            "decoder": ("vos.decoder",),
        }

    def official_state_dict(self) -> dict[str, Tensor]:
        """Weights under the names of the published checkpoints, none added, none missing."""
        return self.state_dict()
