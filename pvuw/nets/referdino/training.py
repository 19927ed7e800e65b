"""ReferDINO on training clips: what every layer of the decoder says of every sentence."""

from collections.abc import Callable

import torch
from torch import Tensor

from pvuw.errors import PvuwError
from pvuw.nets.referdino.decoder import gathered
from pvuw.nets.referdino.network import Detections, Images, ReferDinoModel, Tracks
from pvuw.nets.referdino.text import Words
from pvuw.nets.referdino.tracker import QueryTracker
from pvuw.types import Detected, DetectionClip, VideoBatch


def run_clips(
    model: ReferDinoModel, batch: VideoBatch, words_of: Callable[[str], Words]
) -> DetectionClip:
    """What each layer finds of each sentence, the last one first.

    Images are encoded once for all sentences of a clip.

    Args:
        model: The network.
        batch: Clips whose slots are what sentences mean.
        words_of: Splits a sentence.

    Raises:
        PvuwError: If the clips have no sentences.
    """
    if batch.sentences is None:
        raise PvuwError(
            "ReferDino is trained on sentences, these clips have none; give MeViSDataModule"
        )
    found: list[list[Detected]] = []
    for frames, sentences in zip(batch.frames, batch.sentences, strict=True):
        images = model.see(frames) if sentences else None
        for sentence in sentences:
            assert images is not None
            found.append(_layers(model, images, words_of(sentence)))
    return DetectionClip([_stacked(layers) for layers in zip(*found, strict=True)])


def _layers(model: ReferDinoModel, images: Images, words: Words) -> list[Detected]:
    detections = model.detect(images, model.read(words))
    judged = []
    for layer in reversed(detections.layers):
        tracks = _tracked(layer.features, layer.boxes, detections.words)
        queries = tracks.queries
        if len(queries) > 1:
            queries = model.temporal_decoder(queries, detections.words[:, 0])
        tracks = Tracks(queries, tracks.boxes)
        judged.append(_judged(model, tracks, model.boxes(tracks), detections))
    cells = detections.proposals
    begin = Tracks(cells.features, cells.anchors)
    judged.append(_judged(model, begin, cells.boxes, detections, match_boxes=cells.anchors))
    return judged


def _tracked(queries: Tensor, boxes: Tensor, words: Tensor) -> Tracks:
    order = QueryTracker()
    with torch.no_grad():
        index = torch.stack([order.sort(*frame) for frame in zip(queries, words, strict=True)])
    return Tracks(gathered(queries, index), gathered(boxes, index))


def _judged(
    model: ReferDinoModel,
    tracks: Tracks,
    boxes: Tensor,
    detections: Detections,
    *,
    match_boxes: Tensor | None = None,
) -> Detected:
    return Detected(
        model.scores(tracks.queries, detections.words),
        boxes,
        model.masks(tracks, detections.words, detections.narrow),
        match_boxes,
    )


def _stacked(layers: tuple[Detected, ...]) -> Detected:
    matched = [layer.match_boxes for layer in layers if layer.match_boxes is not None]
    return Detected(
        torch.stack([layer.score_logits for layer in layers]),
        torch.stack([layer.boxes for layer in layers]),
        torch.stack([layer.mask_logits for layer in layers]),
        torch.stack(matched) if matched else None,
    )
