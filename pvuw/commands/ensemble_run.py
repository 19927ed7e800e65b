"""`pvuw ensemble --config`: all members of a recipe, then one answer."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pvuw.commands.ensemble_members import MemberRun, MemberRunner, list_inputs
from pvuw.ensemble.recipe import read_recipe, with_weights
from pvuw.errors import PvuwError


def run_recipe(args: argparse.Namespace) -> int:
    """Run what is not finished of a recipe's members and fuse; 1 if members or videos failed.

    Raises:
        PvuwError: If an option is missing or no member gives a mask.
    """
    from pvuw.commands.ensemble_fuse import fuse_videos
    from pvuw.ensemble.members.folders import Member
    from pvuw.ensemble.video import EnsembleConfig
    from pvuw.io.lock import FolderLock
    from pvuw.recipes import find_config

    recipe = with_weights(read_recipe(Path(find_config(args.config))), args.weights)
    for option, value in (("images", args.recipe_images), ("masks", args.recipe_masks)):
        if value is None:
            raise PvuwError(f"nothing to predict: give --{option}")
    out = args.recipe_out or Path("runs") / Path(args.config).stem
    videos = list_inputs(args.recipe_images, args.recipe_masks)
    with FolderLock(out / "members"):
        runner = MemberRunner(
            recipe, out / "members", images=args.recipe_images, masks=args.recipe_masks
        )
        runs = runner.run(videos, devices=args.devices)
    _tell(runs)
    members = [
        Member.find(run.folder, name=run.recipe.name, weight=run.recipe.weight)
        for run in runs
        if any(run.folder.glob("Annotations/*/*.png"))
    ]
    if not members:
        raise PvuwError(f"{out}: no member gave any masks, so there is nothing to fuse")
    config = EnsembleConfig(
        method=recipe.method,
        members=tuple(members),
        granularity=recipe.granularity,  # type: ignore[arg-type]  # checked when it was read
        images=args.recipe_images if (args.recipe_images / next(iter(videos))).is_dir() else None,
        database=None if recipe.database is None else Path(recipe.database),
        protocol=recipe.protocol,
    )
    status = fuse_videos(config, out, videos=None, workers=args.recipe_workers)
    return 1 if any(run.problem for run in runs) else status


def _tell(runs: Sequence[MemberRun]) -> None:
    for run in runs:
        if run.problem is None:
            print(f"member {run.recipe.name}: {run.folder}{' (kept)' if run.reused else ''}")
        else:
            print(f"pvuw: member {run.recipe.name}: {run.problem}", file=sys.stderr)
