"""Which videos clips can be cut from, as listed; no file is opened."""

from pvuw.io.records import VideoRecord
from pvuw.io.videos import FolderFiles, Video, no_masks_line


def clip_video(record: VideoRecord) -> Video:
    """Return the video of a source that clips are cut from; a wrong split is its `problem`."""
    name = f"{record.source}/{record.video_id}"
    problem = None
    if record.prompts_only:
        problem = (
            f"video {name}: its masks only introduce objects ({record.split}); use split `train`"
        )
    elif not record.objects:
        problem = f"video {name}: none of its masks shows an object; list it under `exclude`"
    frames = FolderFiles(record.frame_dir, record.frame_files)
    return Video(name, frames, record.store, problem=problem)


def is_too_little(video: Video | VideoRecord, num_frames: int) -> bool:
    """Return whether a video in good order has too few frames or no object for a clip.

    Args:
        video: As listed; no file is opened.
        num_frames: Frames of a clip.
    """
    if isinstance(video, Video):
        return video.problem is None and 0 < len(video.annotations) < num_frames
    return len(video.store) < num_frames or not video.objects


def training_problem(video: Video, num_frames: int) -> str | None:
    """Return why no clip can be cut from a video, as one line for the user, or None.

    Args:
        video: As listed; no file is opened.
        num_frames: Frames of a clip.
    """
    count = len(video.annotations)
    if video.problem is not None:
        return video.problem
    if not count:
        return no_masks_line(video, "annotation")
    if count >= num_frames:
        return None
    return (
        f"video {video.video_id}: {count} frames with a mask, a clip needs {num_frames}; leave it "
        "out (`exclude`) or lower data.clip.num_frames"
    )
