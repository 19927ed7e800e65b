"""The interface every network of the project fulfils: clips in training, sessions in prediction."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from torch import Tensor, nn

from pvuw.nets.grounding import Grounder
from pvuw.types import ClipOutput, FrameOutput, Prompt, VideoBatch


class VideoSession(ABC):
    """State of one network on one video: object slots, memory, features of the current frame.

    A session belongs to one video and is fed its frames in order. Its memory use does not depend on
    how many frames it has seen. Networks run in `torch.inference_mode` inside `step`.
    """

    @property
    @abstractmethod
    def object_ids(self) -> list[int]:
        """File ids of the objects tracked so far, in slot order."""

    @abstractmethod
    def step(
        self,
        frame: Tensor,
        prompt: Prompt | None = None,
        *,
        last: bool = False,
        next_frame: Tensor | None = None,
    ) -> FrameOutput:
        """Advance by one frame.

        Args:
            frame: The next frame, uint8 `[3, H, W]` RGB, on any device, or what the network's
                `picture` made of it; the session moves what it needs to its network's device.
            prompt: Targets given on this frame. New ids add objects, known ids correct them.
            last: No frame follows: the network may skip what only serves later frames.
            next_frame: The frame after this one, for a network whose `reads_next_frame` is True;
                None on the last frame and for all others.

        Returns:
            One slot per object known after this frame; zero slots before the first prompt.
        """

    @abstractmethod
    def remove_object(self, object_id: int) -> None:
        """Forget an object; slots behind it move up, ids never change.

        Raises:
            KeyError: If the session does not track `object_id`.
        """


class ViewsSession(ABC):
    """State of one network on several views of one video that it works on at the same scale."""

    @abstractmethod
    def step_views(
        self,
        frames: Sequence[Tensor],
        prompts: Sequence[Prompt | None],
        *,
        last: bool = False,
        next_frames: Sequence[Tensor] | None = None,
    ) -> Iterator[FrameOutput]:
        """Advance by one frame, shown in every view; arguments are those of `VideoSession.step`.

        Yields:
            What the network says of each view, in order; the caller takes them all.
        """


class SeparateViews(ViewsSession):
    """A session for each view, stepped one after the other, so that one output is held at a time.

    Args:
        sessions: One for each view, none of which has seen a frame.
    """

    def __init__(self, sessions: Sequence[VideoSession]) -> None:
        self.sessions = sessions

    def step_views(
        self,
        frames: Sequence[Tensor],
        prompts: Sequence[Prompt | None],
        *,
        last: bool = False,
        next_frames: Sequence[Tensor] | None = None,
    ) -> Iterator[FrameOutput]:
        """Step each session with its view; see `ViewsSession.step_views`."""
        for view, session in enumerate(self.sessions):
            later = next_frames[view] if next_frames else None
            yield session.step(frames[view], prompts[view], last=last, next_frame=later)


@dataclass(frozen=True)
class ParameterLayer:
    """Where a parameter stands in its network, for learning rates that differ by place."""

    name: str
    """Parameters of one name share a learning rate."""
    in_image_encoder: bool = False
    """True in what turns single images into features, usually pre-trained at length."""
    depth: int = 0
    """Layers from here to the encoder's output: the rate is multiplied by `layer_decay ** depth`.
    0 for what no decay applies to."""


class VideoSegmenter(nn.Module, ABC):
    """A network that segments prompted objects through a video.

    Frames enter as uint8, in training also as float in 0..1; normalisation happens inside. A
    subclass states in its own docstring what `start` may be told, and one that is trained what its
    training forward prompts with.
    """

    reads_next_frame: bool = False
    """True where a session's `step` wants the frame after the current one, for motion."""
    grounder: Grounder | None = None
    """Makes prompts of sentences; None where a network follows masks alone."""
    takes_masks: bool = True
    """False where a network is told by its grounder alone what to find."""

    uses_every_weight: bool = False
    """True where every training step gives every weight a gradient, whatever its clips show.
    Processes that train together then need not look for those a step left out."""

    @abstractmethod
    def start(self, num_frames: int | None = None, *, scale: float = 1.0) -> VideoSession:
        """Begin a video.

        Args:
            num_frames: Its length where known. Some networks scale their time encodings by it.
            scale: The network's own input resolution is multiplied by it and rounded to what the
                network can take; 1 is the resolution of its recipe.
        """

    def start_views(
        self, num_frames: int | None = None, *, scale: float = 1.0, count: int
    ) -> ViewsSession:
        """Begin a video that is shown in `count` views at once, mirrored or turned.

        By default each has a session of its own. A network that can run them as one batch does; its
        results then differ from those of sessions apart by float rounding alone.

        Args:
            num_frames: See `start`.
            scale: That of all the views; see `start`.
            count: How many views.
        """
        return SeparateViews([self.start(num_frames, scale=scale) for _ in range(count)])

    def picture(self, frame: Tensor, *, scale: float = 1.0) -> Tensor:
        """A frame at the size that sessions of this scale work at, uint8 `[3, h, w]` on the CPU.

        What a session would do to each frame before anything else, for threads that read ahead. It
        may be mirrored and turned afterwards. By default the frame itself.
        """
        del scale
        return frame

    def official_state_dict(self) -> dict[str, Tensor]:
        """Weights under the names of the network's original release."""
        return self.state_dict()

    def official_part(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What a published file holds of this network, by the names of `official_state_dict`.

        By default all of it: the file is the network's alone, under these names.

        Args:
            weights: All weights of the file, by its own names.
        """
        return dict(weights)

    def parts(self) -> dict[str, tuple[str, ...]]:
        """What recipes may freeze, adapt or compile: prefixes of parameter names by part name.

        A prefix is a module or a single parameter. Parts may overlap; together they hold all
        parameters. By default every child module is a part.
        """
        return {name: (name,) for name, _ in self.named_children()}

    def network_size(self, size_hw: tuple[int, int]) -> tuple[int, int]:
        """Height and width a frame of `size_hw` is resized to; by default it stays as it is."""
        return size_hw

    def shard_units(self) -> tuple[str, ...]:
        """Names of the modules whose weights are gathered for their own run alone under FSDP2.

        In the training forward each is run by calling it and nothing else reads its weights, and
        all processes run the same ones equally often. Which parameters take a gradient must not
        depend on the clip. By default none: the network is too small to gain from it.
        """
        return ()

    def layer_of(self, parameter: str) -> ParameterLayer:
        """Where a parameter stands, given its name; by default only its part tells."""
        encoder = self.parts().get("image_encoder", ())
        inside = any(parameter == p or parameter.startswith(f"{p}.") for p in encoder)
        return ParameterLayer("image_encoder" if inside else "rest", inside)

    def train(self, mode: bool = True) -> Self:
        """Set the mode of all modules but frozen ones: where nothing learns, nothing drops out."""
        super().train(mode)
        if mode:
            _silence_frozen(self)
        return self


class TrainableSegmenter(VideoSegmenter):
    """A network that is trained on clips."""

    clip_output: ClassVar[type[ClipOutput]]
    """What `forward_clip` returns, to be judged by a loss for it."""

    @abstractmethod
    def forward_clip(self, batch: VideoBatch, *, features: bool = False) -> ClipOutput:
        """Run the training forward over a batch of clips; may draw from torch's global generator.

        Args:
            batch: Clips with at least one object in all.
            features: Also return the features the similarity loss compares, where the network has
                such; they cost memory.
        """


def _silence_frozen(module: nn.Module) -> None:
    """Put sub-modules that have parameters, but none that takes a gradient, in eval mode."""
    for child in module.children():
        takes_gradient = [parameter.requires_grad for parameter in child.parameters()]
        if takes_gradient and not any(takes_gradient):
            child.eval()
        else:
            _silence_frozen(child)
