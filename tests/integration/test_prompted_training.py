"""Training with SAM 2's own prompts, from the command line."""

import csv

from pvuw.cli import main


def test_fit_with_clicks_and_every_memory_option(nano, tmp_path):
    argv = nano(
        *("fit", "--out", tmp_path, "--trainer.max_steps", 2, "--trainer.limit_val_batches", 0),
        *("--trainer.log_every_n_steps", 1, "--model.net.prompting.prob_to_use_pt_input", 1),
        *("--model.net.prompting.num_correction_pt_per_frame", 1),
        *("--model.net.keep_mask_gradient", "true", "--model.net.checkpoint_activations", "true"),
    )
    assert main(argv) == 0
    with next((tmp_path / "logs").rglob("metrics.csv")).open() as file:
        steps = [row for row in csv.DictReader(file) if row.get("train/loss")]
    assert steps
    assert all(0 <= float(row["train/absent_wrongly"]) <= 1 for row in steps)
