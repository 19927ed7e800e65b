"""`pvuw overlay`: predicted masks drawn on their video, as mp4."""

import argparse
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pvuw.io.queries import Query
    from pvuw.io.videos import Video

_DESCRIPTION = """\
Draws masks on the frames they belong to and writes mp4: every object in its palette colour with a
white outline. Frames are read, drawn and encoded one at a time, whatever the video's length.
A frame without a mask is drawn as it is. Masks of sentences, <video>/<sentence>/<frame>.png, are
drawn below the words that --text gives. Needs PyAV: pip install 'pvuw-vos[video]'.
"""
_EPILOG = """\
examples:
  pvuw overlay --images data/valid/JPEGImages --pred runs/nano/Annotations --out overlays/
  pvuw overlay --images data/valid/JPEGImages --pred runs/nano/Annotations \\
      --video 05b7f1ab --out clip.mp4
  pvuw overlay --images clip.mp4 --pred runs/nano/Annotations --out seen.mp4
  pvuw overlay --images mevis/valid_u/JPEGImages --pred runs/told \
      --text mevis/valid_u/meta_expressions.json --out told/

A video that cannot be drawn is named and the others are done; exit status 1 then.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.add_argument(
        "--images",
        type=Path,
        required=True,
        metavar="DIR",
        help="frames, <video>/<frame>.jpg, or video files, or one video file",
    )
    parser.add_argument(
        "--pred", type=Path, required=True, metavar="DIR", help="masks, <video>/<frame>.png"
    )
    parser.add_argument(
        "--text",
        metavar="TEXT|FILE",
        help="what was asked: a sentence, a file .json in MeViS' layout, or .txt with lines "
        "video<TAB>sentence",
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE.mp4|DIR",
        help="one mp4 of the only video, or a folder for <video>.mp4 of each; of sentences "
        "<video>/<sentence>.mp4",
    )
    parser.add_argument("--video", metavar="ID", help="this video only (default: all with masks)")
    parser.add_argument(
        "--fps",
        type=float,
        default=6.0,
        metavar="N",
        help="frames per second (default: %(default)g; MOSE has about 5)",
    )
    parser.add_argument(
        "--opacity",
        type=float,
        default=0.55,
        metavar="X",
        help="of the colour inside an object, 0 to 1 (default: %(default)g)",
    )


def run(args: argparse.Namespace) -> int:
    """Write the videos; 0, or 1 if some could not be drawn.

    Raises:
        PvuwError: If an option cannot be used.
        DataError: If the folders hold no video with masks.
    """
    import sys

    from pvuw.errors import DataError, PvuwError
    from pvuw.io.queries import Query

    if not 0 < args.fps <= 1000:
        raise PvuwError(f"--fps {args.fps:g}: must be above 0 and at most 1000")
    if not 0 <= args.opacity <= 1:
        raise PvuwError(f"--opacity {args.opacity:g}: must be in 0..1")
    queries = _asked(args) if args.text else list(map(Query.of, _videos_with_masks(args)))
    single = args.out.suffix.lower() == ".mp4"
    if single and len(queries) > 1:
        names = ", ".join(query.query_id for query in queries[:3])
        raise PvuwError(
            f"--out {args.out}: a single file for {len(queries)} videos ({names}, ...); choose one "
            "with --video or give a folder"
        )
    failures = []
    for query in queries:
        path = args.out if single else args.out / f"{query.query_id}.mp4"
        try:
            print(f"{path}: {_draw_video(path, query, args)} frames")
        except DataError as error:
            failures.append(query.query_id)
            print(f"pvuw: video {query.query_id} failed: {error}", file=sys.stderr)
        except OSError as error:
            raise PvuwError(
                f"{path}: cannot be written ({error.strerror}); free some space or choose another "
                "folder"
            ) from error
    return 1 if failures else 0


def _videos_with_masks(args: argparse.Namespace) -> "list[Video]":
    from pvuw.errors import DataError
    from pvuw.io.listing import VideoFolder, list_videos
    from pvuw.io.mask_tree import MaskTree

    only = None if args.video is None else [args.video]
    folder = VideoFolder(args.images, videos=only)
    known = [video.video_id for video in list_videos(folder)]
    root = MaskTree.find(args.pred, known=known).root
    videos = list_videos(VideoFolder(args.images, annotations=root, videos=known))
    shown = [video for video in videos if video.annotations or video.problem is not None]
    if not shown:
        raise DataError(f"{root}: holds no mask of any video of {args.images}; check both folders")
    return shown


def _asked(args: argparse.Namespace) -> "list[Query]":
    """Return what sentences asked of the videos, with the answers in place of the truth."""
    from pvuw.errors import DataError
    from pvuw.io.listing import VideoFolder, list_videos
    from pvuw.io.mask_tree import MaskTree
    from pvuw.io.queries import Query
    from pvuw.sources.asked import asked_by

    only = None if args.video is None else [args.video]
    videos = list_videos(VideoFolder(args.images, videos=only))
    tree = MaskTree.find(args.pred, known=[video.video_id for video in videos])
    shown = []
    for query in asked_by(args.text, videos, images=args.images):
        masks = tree.masks(query.query_id, query.video.frame_names)
        if masks:
            shown.append(Query(query.query_id, query.video, query.prompt, masks))
    if not shown:
        raise DataError(f"{tree.root}: holds no mask of what {args.text} asks; check both")
    return shown


def _draw_video(path: Path, query: "Query", args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from pvuw.io.movie_writer import write_movie

    query.video.check()
    with (
        closing(_drawn_frames(query, opacity=args.opacity)) as frames,
        # disable=None: no bar where the output is no terminal.
        tqdm(
            frames, total=len(query.video), desc=query.query_id, unit="frame", disable=None
        ) as bar,
    ):
        return write_movie(path, bar, fps=args.fps)


def _drawn_frames(query: "Query", *, opacity: float) -> "Generator[NDArray[np.uint8], None, None]":
    from pvuw.draw import Caption, overlay
    from pvuw.io.mask_store import NO_MASKS
    from pvuw.io.prefetch import prefetch_frames

    video, asked = query.video, query.prompt
    caption = Caption(asked, video.size_hw[1]) if isinstance(asked, str) else None
    masks = query.truth or NO_MASKS if isinstance(asked, str) else asked
    with closing(prefetch_frames(video)) as frames:
        for position, frame in frames:
            pixels = frame.permute(1, 2, 0).numpy()
            if position in masks:
                pixels = overlay(pixels, masks.id_map(position, video.size_hw), opacity=opacity)
            yield pixels if caption is None else caption.above(pixels)
