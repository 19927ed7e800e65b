"""Which frames are read, as what and at which place, against what upstream read in every case."""

import math

import pytest
import torch

from pvuw.nets.sam2.memory import MemoryBank, MemoryFrame
from pvuw.nets.sam3 import selection
from pvuw.nets.sam3.build import MAX_PROMPTED
from pvuw.nets.sam3.selection import MemorySelection
from tests.helpers.golden import cases, missing
from tests.pvuw.nets.sam2.records import record
from tests.pvuw.nets.sam3.golden import MODEL, case_of

NUM_MAPS = 6
POINTERS = 16


def memory_of(t):
    """Memory that can be told by its frame."""
    return MemoryFrame(torch.full((1, 1, 1), float(t)), torch.full((1, 1), float(t)))


def reads_of(case, *, max_prompted=MAX_PROMPTED, num_pointers=None, selects=True):
    """Per frame the maps and pointers read and the pointers' places, in upstream's words."""
    count = len(case.meta["frame_index"])
    prompted = sorted(told["frame"] for told in case.meta["prompts"])
    scores = case.folder.expected[f"{case.name}/eff"]
    length = case.meta.get("num_frames", count)
    pointers = min(length, POINTERS) - 1 if num_pointers is None else num_pointers
    bank = MemoryBank(num_maps=NUM_MAPS, num_pointers=pointers, max_prompted=max_prompted)
    selects = selects and case.meta["memory_selection"]
    chosen = MemorySelection().follow(bank, None) if selects else None
    found, held = {}, 0
    for t in range(count):
        given = t in prompted
        if not given:
            maps, pointed = bank.maps(t), bank.pointers(t)
            found[t] = {
                "maps": [[int(m[0]), int(int(m[0]) in prompted)] for _, m in maps],
                "places": [place for place, _ in maps],
                "ptrs": [[int(p[0]), int(int(p[0]) in prompted)] for _, p in pointed],
                "pos": [place for place, _ in pointed],
            }
        score = None if math.isnan(scores[t]) else float(scores[t])
        told = record(t, prompted=given, frame_score=score)
        bank.add(t, memory_of(t), prompted=given, choice=chosen.see(told) if chosen else None)
        if t == 0:
            for later in prompted[1:]:
                bank.foresee(later, memory_of(later))
        held = max(held, len(bank.recent))
    return found, held


def differences(case, **options):
    """Frames on which something else is read than upstream read."""
    found, _ = reads_of(case, **options)
    expected = case.meta["reads"]
    return [
        t
        for t, read in found.items()
        if any(sorted(read[k]) != sorted(expected[str(t)][k]) for k in ("maps", "ptrs", "pos"))
    ]


@pytest.mark.parametrize("case", [*cases(MODEL), *missing(MODEL)])
def test_reads_are_upstreams(case):
    assert differences(case) == []
    _, held = reads_of(case)
    assert held <= POINTERS


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ("selection off", "one_object"),
        ("oldest pointer", "one_object"),
        ("one fewer", "absent_stretch"),
        ("all prompted", "prompts_ahead_off"),
        ("by distance", "absent_stretch"),
        ("by distance", "prompts_ahead_on"),
    ],
)
def test_other_reads_are_seen(wrong, name, monkeypatch):
    case = case_of(name)
    options = {}
    if wrong == "selection off":
        options = {"selects": False}
    elif wrong == "oldest pointer":
        monkeypatch.setattr(selection, "without_oldest", lambda valid: valid)
    elif wrong == "one fewer":
        options = {"num_pointers": POINTERS - 2}
    elif wrong == "all prompted":
        options = {"max_prompted": None}
    else:
        place_by_distance(monkeypatch)
    assert differences(case, **options)


def place_by_distance(monkeypatch):
    ranked = MemoryBank.pointers

    def distances(self, frame_idx):
        read = ranked(self, frame_idx)
        return [(frame_idx - int(pointers[0]), pointers) for _, pointers in read]

    monkeypatch.setattr(MemoryBank, "pointers", distances)
