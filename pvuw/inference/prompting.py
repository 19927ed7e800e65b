"""What prompts a query's objects, frame by frame."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from pvuw.errors import DataError
from pvuw.io.expressions import sentence_problem
from pvuw.io.mask_store import MaskStore
from pvuw.io.png_masks import warn_of_void
from pvuw.io.queries import Query
from pvuw.nets.base import VideoSegmenter
from pvuw.nets.grounding import LatePrompts
from pvuw.types import MaskPrompt, Prompt

PromptPolicy = Literal["first", "new_objects", "all"]


@dataclass(frozen=True)
class Prompts:
    """The prompts of one pass over a video; read when their frame comes."""

    ids: Mapping[int, list[int]]
    """Ids that are prompted at each position, in the order they become slots."""
    read: Callable[[int], Prompt]
    """Reads the prompt of one of these positions."""

    def at(self, frame_idx: int) -> Prompt | None:
        """The prompt of a frame, or None."""
        return self.read(frame_idx) if frame_idx in self.ids else None

    def mirrored(self) -> "Prompts":
        """The same for the frames up to the last prompt, shown backwards."""
        last = max(self.ids, default=0)
        ids = {last - position: ids for position, ids in self.ids.items()}
        return Prompts(ids, lambda position: self.read(last - position))


def mask_prompts(query: Query, masks: MaskStore, policy: PromptPolicy) -> Prompts:
    """Which frames' masks prompt under a policy, and for which objects.

    Args:
        query: What is asked.
        masks: Its masks of the objects to follow.
        policy: See `InferenceConfig.prompts`.

    Raises:
        DataError: If a mask cannot be read, or none shows an object.
    """

    def read(position: int, ids: list[int] | None = None) -> Prompt:
        id_map = masks.id_map(position, query.video.size_hw)
        return MaskPrompt.from_id_map(torch.from_numpy(id_map), ids)

    plan: dict[int, list[int]] = {}
    given: set[int] = set()
    for position in masks.positions():
        visible = read(position).object_ids
        warn_of_void(masks, position)
        ids = visible if policy == "all" else [i for i in visible if i not in given]
        given.update(ids)
        if ids:
            plan[position] = ids
            if policy == "first":
                break
    if not plan:
        where = ", ".join(masks.place(position) for position in masks.positions()[:3])
        raise DataError(
            f"video {query.query_id}: no object to follow, "
            + (f"the masks show background only ({where}); " if where else "it has no mask; ")
            + "put a palette PNG with ids 1..255 beside its first frame"
        )
    return Prompts(plan, lambda position: read(position, plan[position]))


class PromptReader:
    """Reads what prompts the queries of one video, when each is asked for.

    Args:
        net: The network that is prompted.
        queries: Of one video. At the first sentence the network's grounder looks for them all.
        policy: Which masks prompt; see `InferenceConfig.prompts`.
    """

    def __init__(self, net: VideoSegmenter, queries: Sequence[Query], policy: PromptPolicy) -> None:
        self._net = net
        self._video = queries[0].video
        sentences = [q.prompt for q in queries if isinstance(q.prompt, str)]
        self._sentences = [text for text in sentences if sentence_problem(text) is None]
        self._policy = policy
        self._found: dict[str, Mapping[int, Prompt]] = {}

    def __call__(self, query: Query) -> Prompts:
        """The prompts of a query.

        Raises:
            DataError: If a mask or a frame cannot be read, no mask shows an object, a sentence is
                empty or too long, or the network follows masks alone and is asked a sentence, or
                the other way round.
        """
        if not isinstance(query.prompt, str):
            if not self._net.takes_masks:
                name = type(self._net).__name__
                raise DataError(f"{query.query_id}: {name} reads sentences and follows no masks")
            return mask_prompts(query, query.prompt, self._policy)
        query.check()
        if self._net.grounder is None:
            name = type(self._net).__name__
            raise DataError(f"{query.query_id}: {name} follows masks and knows no words")
        if not self._found:
            looked = self._net.grounder.look(self._video, self._sentences)
            self._found = dict(zip(self._sentences, looked, strict=True))
        found = self._found[query.prompt]
        if isinstance(found, LatePrompts):
            return Prompts(dict.fromkeys(found, found.object_ids), found.__getitem__)
        return Prompts({t: p.object_ids for t, p in found.items()}, found.__getitem__)
