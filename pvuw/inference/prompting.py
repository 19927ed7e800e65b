"""Which annotated frames of a video prompt, and for which objects."""

from typing import Literal

from pvuw.errors import DataError
from pvuw.io.videos import Video
from pvuw.types import Prompt

PromptPolicy = Literal["first", "new_objects", "all"]


class Prompter:
    """Turns a video's annotations into prompts under a policy; counts what it has given."""

    def __init__(self, video: Video, policy: PromptPolicy) -> None:
        self.video = video
        self.policy = policy
        self.given: list[int] = []

    def at(self, frame_idx: int) -> Prompt | None:
        """The prompt of a frame, or None; call once per frame, in order."""
        if frame_idx not in self.video.annotation_paths or (self.policy == "first" and self.given):
            return None
        prompt = Prompt.from_id_map(self.video.read_annotation(frame_idx))
        if self.policy != "all":
            fresh = [slot for slot, i in enumerate(prompt.object_ids) if i not in self.given]
            prompt = Prompt([prompt.object_ids[s] for s in fresh], prompt.masks[fresh])
        self.given += [i for i in prompt.object_ids if i not in self.given]
        return prompt if prompt.object_ids else None

    def require_object(self) -> None:
        """Raise unless some annotation of the video shows an object.

        Raises:
            DataError: Naming the video and its annotations.
        """
        masks = self.video.annotation_paths
        if any(bool(self.video.read_annotation(i).any()) for i in sorted(masks)):
            return
        where = ", ".join(str(masks[i]) for i in sorted(masks)[:3])
        raise DataError(
            f"video {self.video.video_id}: no object to follow, "
            + (f"the masks show background only ({where}); " if where else "it has no mask; ")
            + "put a palette PNG with ids 1..255 beside its first frame"
        )


class ReplayedPrompts:
    """Gives the prompts of a plan, whatever the order of the frames.

    Args:
        video: Where the masks are.
        plan: Ids to give at each position of the video.
    """

    def __init__(self, video: Video, plan: dict[int, list[int]]) -> None:
        self.video = video
        self.plan = plan

    def at(self, frame_idx: int) -> Prompt | None:
        """The prompt of a frame, or None."""
        ids = self.plan.get(frame_idx)
        return Prompt.from_id_map(self.video.read_annotation(frame_idx), ids) if ids else None


def prompt_plan(video: Video, policy: PromptPolicy) -> dict[int, list[int]]:
    """Ids that a policy gives at each position; reads every mask that may prompt.

    Raises:
        DataError: If a mask cannot be read.
    """
    prompter = Prompter(video, policy)
    plan = {position: prompter.at(position) for position in sorted(video.annotation_paths)}
    return {position: prompt.object_ids for position, prompt in plan.items() if prompt}
