"""Sentences about videos: MeViS, and Ref-YouTube-VOS and Ref-DAVIS17 beside it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from datamodules.augment import ClipAugment
from datamodules.base import SegmentationDataModule
from datamodules.clip_sampling import ClipConfig
from datamodules.datasets.sentence_clips import SentenceClips
from datamodules.mixing import TrainSource, require_weights
from datamodules.sentence_sampling import RandomSampling, SentenceSampling
from pvuw.errors import DataError
from pvuw.io.listing import VideoFolder, list_videos
from pvuw.io.queries import Query
from pvuw.io.records import VideoRecord
from pvuw.sources import SourceSpec
from pvuw.sources.asked import asked_by, queries_of
from pvuw.sources.index import load_records
from pvuw.sources.ref_youtube_vos import sentences_file
from pvuw.sources.sentences_file import listed_questions

_CLIP = ClipConfig(num_frames=5, max_objects=5)
_SAMPLING = RandomSampling()
_SCORED = {"mevis": "valid_u", "ref_davis": "valid"}
"""Split of each layout whose truth is public beside `train`."""


class MeViSDataModule(SegmentationDataModule):
    """Sentences about videos, each asked and scored on its own (docs/mevis.md shows the trees).

    With `root` given its `train` is trained on; `valid_u` of MeViS, or `valid` of Ref-DAVIS17, is
    scored; `predict` names what is predicted. Sentences reach the network as they are written: what
    its text encoder wants of them is the network's business.

    Args:
        root: Folder of the download.
        layout: What `root` holds.
        sources: Train on these instead of `root/train`: `mevis`, `ref_youtube_vos`, `ref_davis`, or
            others whose videos have sentences, each with its weight.
        val_sets: Several sets to score instead, by the name their scores are logged under.
        val_limit: Videos of each validation set that are scored, evenly spread over its list; none:
            all.
        predict: Split of `root` to predict.
        sampling: Which frames and sentences a clip is made of.
        reverse_motion: With `clip.reverse_prob`: sentences about motion may run backwards too, as
            in ReferDINO's training; else such clips never do.
        index: Folder of the index files that make the next start fast.
        clip: Of it count `num_frames`, `max_objects` (sentences), the resolution, the clips of an
            epoch, `flip_prob` and `reverse_prob`.
        batch_size: Clips of a training batch of one process.
        num_workers: Processes that read training clips; 0 reads them in the main process. They
            never change which clips come.
        seed: Decides, with epoch and index, every training clip and its augmentation.
        augment: Augments training batches on their device; none: clips stay as they are cut.
    """

    def __init__(
        self,
        root: Path | None = None,
        *,
        layout: Literal["mevis", "ref_youtube_vos", "ref_davis"] = "mevis",
        sources: list[TrainSource] | None = None,
        val_sets: dict[str, SourceSpec] | None = None,
        val_limit: int | None = None,
        predict: str = "valid",
        sampling: SentenceSampling = _SAMPLING,
        reverse_motion: bool = False,
        index: Path = Path("cache/index"),
        clip: ClipConfig = _CLIP,
        batch_size: int = 1,
        num_workers: int = 2,
        seed: int = 0,
        augment: ClipAugment | None = None,
    ) -> None:
        super().__init__(
            clip=clip,
            batch_size=batch_size,
            num_workers=num_workers,
            seed=seed,
            augment=augment,
            val_limit=val_limit,
        )
        self.root = root
        self.layout = layout
        self.sources = sources
        self.val_sets = val_sets or {}
        self.predict = predict
        self.sampling = sampling
        self.reverse_motion = reverse_motion
        self.index = index

    def prepare_data(self) -> None:
        """List the sources in one process before the others read the index it leaves."""
        if self.others_wait_to_fit:
            self._training()

    def train_clips(self) -> SentenceClips:
        """Return the clips of the sources.

        Raises:
            DataError: If a source cannot be read, has no sentence, or some have a weight and others
                none.
        """
        return SentenceClips(
            [
                (f"{source.source} {source.split}", source.weight, records)
                for source, records in self._training()
            ],
            self.clip,
            self.sampling,
            seed=self.seed,
            reverse_motion=self.reverse_motion,
        )

    def val_queries(self) -> list[Query]:
        """Return the sentences about the videos of `root` whose truth is public.

        Raises:
            DataError: If there are none.
        """
        if self.layout not in _SCORED:
            raise DataError(
                f"data.layout: the truth of {self.layout} is public for `train` alone; score "
                "others (data.val_sets) or none (trainer.limit_val_batches=0)"
            )
        return self._asked(SourceSpec(self.layout, self._root(), _SCORED[self.layout]))

    def val_sets_of_queries(self) -> dict[str, list[Query]]:
        """Return the sentences of each of `val_sets`, or of the one set without a name."""
        if not self.val_sets:
            return super().val_sets_of_queries()
        return {name: self._asked(spec) for name, spec in self.val_sets.items()}

    def predict_queries(self) -> list[Query]:
        """Return the sentences about the videos of the split to predict.

        What is wrong with single videos and sentences is told when they are run.

        Raises:
            DataError: If frames or sentences are not there.
        """
        root, images = self._root(), self._root() / self.predict / "JPEGImages"
        file = sentences_file(root, self.predict)
        if self.layout == "mevis":
            names = ("meta_expressions.json", "meta_expressions_release.json")
            files = [root / self.predict / name for name in names]
            file = next((path for path in files if path.is_file()), files[0])
        asked = asked_by(file, list_videos(VideoFolder(images)), images=images)
        # The file of Ref-YouTube-VOS' valid split lists the videos of test as well.
        test = sentences_file(root, "test")
        if self.layout != "mevis" and self.predict == "valid" and test.is_file():
            others = listed_questions(test)
            asked = [query for query in asked if query.video.video_id not in others]
        return asked

    def _training(self) -> list[tuple[TrainSource, Sequence[VideoRecord]]]:
        sources = self.sources or [TrainSource(self.layout, self._root())]
        require_weights(sources)
        return [
            (source, source.records(index=self.index, workers=self.num_workers))
            for source in sources
        ]

    def _asked(self, spec: SourceSpec) -> list[Query]:
        records = load_records(spec, cache_dir=self.index, workers=self.num_workers)
        return [query for record in records for query in queries_of(record)]

    def _root(self) -> Path:
        if self.root is None:
            raise DataError(
                "data.root: not given; name the folder of the download, which holds train/ and "
                "others"
            )
        return self.root
