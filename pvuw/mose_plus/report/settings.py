"""The section on how the build was made: settings, and the lists that guard it."""

import dataclasses
import json
from html import escape

from pvuw.mose_plus.config import NONE
from pvuw.mose_plus.report.data import ReportData
from pvuw.pages.pieces import number, plural, table


def warnings(data: ReportData) -> str:
    """Return what whoever trains on the set must know first; empty if there is nothing."""
    evaluation = data.info.config.evaluation
    ignored = [name for name in ("mose", "davis") if getattr(evaluation, name) == (NONE,)]
    return "".join(
        f'<p class="warning">Built with <code>evaluation.{name}: none</code>: the set may hold '
        f"videos that results on {name.upper()} are judged by.</p>"
        for name in ignored
    )


def settings(data: ReportData) -> str:
    """Return the evaluation lists the build was kept clear of, how frames lie, and all settings."""
    config, lists = data.info.config, data.info.evaluation
    rows = ([escape(name), number(len(ids))] for name, ids in lists.items())
    guarded = table(["Evaluation list", "Videos never admitted"], rows, css="sources")
    everything = json.dumps(dataclasses.asdict(config), indent=2, default=str)
    return (
        f"<p>Written by pvuw {escape(data.info.pvuw)}. {escape(_frames(data))}</p>"
        f'<div class="scroll">{guarded if lists else ""}</div><details><summary>All settings'
        f"</summary><pre>{escape(everything)}</pre></details>"
    )


def _frames(data: ReportData) -> str:
    built = [entry.built for entry in data.entries if entry.built is not None]
    encoded = sum(video.num_encoded for video in built)
    config = data.info.config.build
    size = "at their own size" if config.short_side is None else (
        f"reduced to {config.short_side} pixels on the shorter side where larger"
    )  # fmt: skip
    return f"Frames: {config.frames}, {size}; {plural(encoded, 'frame')} encoded anew."
