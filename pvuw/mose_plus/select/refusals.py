"""What keeps a video out whatever its traits: evaluation lists, limits of its source, copies."""

from collections.abc import Sequence

from pvuw.mose_plus.config import MosePlusConfig
from pvuw.mose_plus.select.decision import Decision, refuse
from pvuw.mose_plus.select.duplicates import DuplicatePair
from pvuw.mose_plus.select.evaluation import EVALUATION, EvaluationVideo
from pvuw.sources.keys import VideoKey
from pvuw.traits.video_traits import VideoTraits


class FrameLinks:
    """Which videos share frames.

    Args:
        pairs: From `find_duplicates`.
    """

    def __init__(self, pairs: Sequence[DuplicatePair]) -> None:
        self._pairs: dict[VideoKey, dict[VideoKey, DuplicatePair]] = {}
        for pair in pairs:
            self._pairs.setdefault(pair.first, {})[pair.second] = pair
            self._pairs.setdefault(pair.second, {})[pair.first] = pair

    def of(self, key: VideoKey) -> list[VideoKey]:
        """Return the videos that share frames with one, sorted."""
        return sorted(self._pairs.get(key, {}))

    def describe(self, key: VideoKey, other: VideoKey) -> str:
        """Return in words what two videos share: frames, or only the id."""
        pair = self._pairs.get(key, {}).get(other)
        if pair is None:
            return "same id"
        return (
            f"{pair.share:.0%} of the frames match, pixels agree in {pair.confirmed} of "
            f"{pair.compared} compared"
        )


def refuse_evaluation(
    videos: Sequence[VideoTraits], evaluation: Sequence[EvaluationVideo], links: FrameLinks
) -> dict[VideoKey, Decision]:
    """Return decisions against evaluation videos and all that are the same as one of those.

    Sameness, by id or by frames, spreads from video to video: a copy under another name is caught
    even where only its twin's id is listed.
    """
    lists = {video.video_id: video.list_name for video in reversed(evaluation)}
    candidates = {video.key: video for video in videos}
    refused = {
        video.key: refuse(
            video.key, f"evaluation video: its id is in {lists[video.video_id]}", traits=video
        )
        for video in videos
        if video.video_id in lists
    }
    spreading = [*(video.key for video in evaluation), *refused]
    while spreading:
        leak = spreading.pop(0)
        for key in _same_as(leak, candidates, links):
            if key not in refused:
                reason = f"same as {_name(leak)}: {links.describe(key, leak)}"
                refused[key] = refuse(key, reason, traits=candidates[key], duplicate_of=leak)
                spreading.append(key)
    return refused


def refuse_below_limits(
    videos: Sequence[VideoTraits], config: MosePlusConfig
) -> dict[VideoKey, Decision]:
    """Return decisions against videos that are too short, too empty, or of unsure masks."""
    reasons = {video.key: _below_limits(video, config) for video in videos}
    return {
        video.key: refuse(video.key, reason, traits=video)
        for video in videos
        if (reason := reasons[video.key]) is not None
    }


def refuse_copies(videos: Sequence[VideoTraits], links: FrameLinks) -> dict[VideoKey, Decision]:
    """Return decisions against every video that an earlier one, itself kept, is a copy of.

    Args:
        videos: Those not refused so far, the ones to prefer first.
        links: Which videos share frames.
    """
    kept_by_id: dict[str, VideoKey] = {}
    kept: set[VideoKey] = set()
    refused = {}
    for video in videos:
        twin = kept_by_id.get(video.video_id)
        if twin is None:
            twin = next((key for key in links.of(video.key) if key in kept), None)
        if twin is None:
            kept.add(video.key)
            kept_by_id[video.video_id] = video.key
        else:
            reason = f"duplicate of {twin}: {links.describe(video.key, twin)}"
            refused[video.key] = refuse(video.key, reason, traits=video, duplicate_of=twin)
    return refused


def _same_as(
    leak: VideoKey, candidates: dict[VideoKey, VideoTraits], links: FrameLinks
) -> list[VideoKey]:
    by_frames = [key for key in links.of(leak) if key in candidates]
    return by_frames + [key for key in candidates if key.video_id == leak.video_id]


def _name(leak: VideoKey) -> str:
    if leak.source == EVALUATION:
        return f"evaluation video {leak.video_id} of {leak.split}"
    return f"{leak}, which is refused as an evaluation video"


def _below_limits(video: VideoTraits, config: MosePlusConfig) -> str | None:
    limits = config.settings(video.source, video.split)
    frames, objects, score = video.num_frames, video.num_objects, video.mask_score
    if frames < limits.min_frames:
        return f"too short: {frames} annotated frames, at least {limits.min_frames} wanted"
    if objects < limits.min_objects:
        return f"too few objects: {objects} ever visible, at least {limits.min_objects} wanted"
    if limits.min_mask_score is not None and score is not None and score < limits.min_mask_score:
        return f"unsure masks: mean score {score:.2f}, at least {limits.min_mask_score:.2f} wanted"
    return None
