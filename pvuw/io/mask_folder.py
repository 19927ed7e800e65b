"""The folder of masks of a prediction."""

from collections.abc import Iterator
from contextlib import contextmanager

from pvuw.io.tree_writer import MaskTreeWriter
from pvuw.types import FramePrediction, FrameWriter


class MaskFolder(MaskTreeWriter):
    """A tree of masks as a `ResultSink`."""

    @contextmanager
    def open(self, query_id: str, num_frames: int) -> Iterator[FrameWriter]:
        """Take the frames of a query.

        Raises:
            PvuwError: The disk refused a frame.
        """
        del num_frames
        with self.masks_of(query_id) as write:

            def take(prediction: FramePrediction) -> None:
                write(prediction.frame_name, prediction.id_map.numpy())

            yield take
