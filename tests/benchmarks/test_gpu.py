"""The GPU day's script at toy sizes on the CPU: every part runs, and keeps to its time."""

import json

import pytest
import torch

from benchmarks.gpu import __main__ as gpu
from benchmarks.gpu.sitting import Part, Unit, hold


@pytest.mark.slow
def test_every_part_runs_at_toy_sizes(tmp_path, capsys):
    file = tmp_path / "gpu.json"
    argv = ["--device", "cpu", "--toy", "--minutes", "30", "--json", str(file)]
    assert gpu.main(argv) == 0
    told = json.loads(file.read_text())
    assert (told["device"], told["toy"]) == ("cpu", True)
    rows = {part: [r for r in told["rows"] if r["part"] == part] for part in
            ("equal", "predict", "views", "train", "waits")}  # fmt: skip
    assert [len(of) for of in rows.values()] == [8, 2, 2, 2, 2]
    for row in rows["equal"]:
        assert row["figures"]["equal"], row
        assert row["figures"]["bound"] > 0
    half = [row["figures"]["difference"] for row in rows["equal"] if "bfloat16" in row["what"]]
    assert min(half) > 0  # bf16 does round, so the comparison compares
    for row in (*rows["predict"], *rows["views"], *rows["train"]):
        assert not row["skipped"], row
    assert rows["views"][1]["figures"]["ms"] > 5 * rows["views"][0]["figures"]["ms"]
    assert all("only CUDA" in row["skipped"] for row in rows["waits"])
    table = capsys.readouterr().out.split("\n\n")[-2]
    assert len(table.splitlines()) == 1 + len(told["rows"])


def test_what_is_missing_is_named_at_once(monkeypatch, capsys):
    monkeypatch.setattr(gpu, "TORCH", (2, 8))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu.main([]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "needs torch 2.9" in line
    assert "no CUDA card" in line
    assert "--device cpu --toy" in line


def test_a_unit_that_would_not_fit_is_skipped_and_its_time_goes_on(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("benchmarks.gpu.sitting.time.monotonic", lambda: now[0])

    def unit(name, seconds, work=1.0):
        def run():
            now[0] += seconds
            return {"done": True}

        return Unit(name, run, work)

    parts = [
        Part("a", 0.5, lambda: iter([unit("small", 10), unit("large", 999, work=4), unit("b", 5)])),
        Part("b", 0.5, lambda: iter([unit("long", 40)])),
    ]
    rows = hold(parts, minutes=1, say=lambda line: None)
    assert [bool(row.skipped) for row in rows] == [False, True, False, False]
    assert "about 40 s, 20 s of this part are left" in rows[1].skipped


def test_a_unit_that_fails_is_a_row():
    def broken():
        raise RuntimeError("out of memory\nand more")

    (row,) = hold([Part("a", 1, lambda: iter([Unit("x", broken)]))], minutes=1, say=print)
    assert row.skipped == "RuntimeError: out of memory"
