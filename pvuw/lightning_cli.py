"""`fit`, `validate`, `test` and `predict`: Lightning's command line with this project's rules.

The only file of the core package that imports Lightning and the user-facing folders.
"""

import logging
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import (  # type: ignore[attr-defined]  # no __all__
    ActionConfigFile,
    ArgumentError,
    Namespace,
)
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.cli import (
    ArgsType,
    LightningArgumentParser,
    LightningCLI,
    SaveConfigCallback,
)
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.plugins.io import CheckpointIO
from lightning.pytorch.strategies import DDPStrategy, StrategyRegistry

from callbacks import (
    KeepSignals,
    LastCheckpoint,
    MaskWriter,
    ProbabilityKeeper,
    TrainingMeter,
    VideoProgressBar,
    WandbPanels,
    WandbRun,
    WandbWorst,
)
from datamodules import (
    MeViSDataModule,
    MOSEDataModule,
    MOSEPlusDataModule,
    PredictDataModule,
    SegmentationDataModule,
)
from lightning_modules import ForegroundModule, SegmentationModule, VOSModule, WholeCheckpoints
from pvuw.command_line.mistakes import explain, explain_trainer
from pvuw.command_line.parser import RecordingParser, configs_first
from pvuw.errors import PvuwError
from pvuw.fingerprint import recipe_fingerprint
from pvuw.inference import steps
from pvuw.io.atomic import write_text_atomic
from pvuw.losses.point_sampled import PointSampledLoss
from pvuw.nets.find import find_networks
from pvuw.recipes import config_dir, recipe_files
from pvuw.run_end import run_to_the_end, started_again_as
from pvuw.run_loggers import continue_wandb_run, place_loggers
from pvuw.run_start import StartFrom, refuse_other_run, resolve_checkpoint, weights_of_run
from pvuw.weights import read_run_checkpoint, require_same_network

# Recipes may say `class_path: Sam2` only of classes that are imported by then.
SHORT_NAMES = (
    *find_networks().values(),
    *(getattr(steps, name) for name in steps.__all__),
    PredictDataModule,
    VOSModule,
    MeViSDataModule,
    MOSEDataModule,
    MOSEPlusDataModule,
    ForegroundModule,
    PointSampledLoss,
)


class FindConfig(ActionConfigFile):
    """`--config NAME` also finds the recipes that ship with the package."""

    def __call__(self, parser: Any, cfg: Any, values: Any, option_string: Any = None) -> None:
        """Apply the file under the path it was found at, after the one that it extends."""
        for file in recipe_files(str(values)):
            self.apply_config(parser, cfg, self.dest, file)


class RecordConfig(SaveConfigCallback):
    """Writes the resolved configuration beside what the run makes, and into W&B's run config."""

    def save_config(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Write `<out>/config.yaml` for a fit, `<out>/<stage>.yaml` for the other commands."""
        text = self.parser.dump(self.config, skip_none=False)
        command = trainer.state.fn
        name = "config.yaml" if command in (None, "fit") else f"{command.value}.yaml"
        write_text_atomic(Path(trainer.default_root_dir) / name, text)
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                logger.log_hyperparams(yaml.safe_load(text))


class VOSCLI(LightningCLI):
    """Lightning's CLI with one run folder, flags that always win, and streamed predictions."""

    def init_parser(self, **kwargs: Any) -> LightningArgumentParser:
        """A parser whose `--config` searches the shipped recipes."""
        kwargs.setdefault("prog", "pvuw")
        parser = RecordingParser(**kwargs)
        parser.add_argument(
            "-c",
            "--config",
            action=FindConfig,
            help="Recipe: a YAML file, or a name under the shipped configs such as "
            "mose/sam2_nano.yaml. May be given several times; later files and flags win.",
        )
        return parser

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Declare `--out` and the callbacks every run has."""
        parser.add_argument(
            "--out",
            type=Path,
            default=Path("runs/latest"),
            help="Folder of this run: checkpoints/, logs and config.yaml from fit; Annotations/ "
            "(the predicted masks) from predict.",
        )
        parser.add_argument(
            "--extends",
            type=str | None,
            help="In a recipe: another one, of which this says only what differs.",
        )
        parser.add_argument(
            "--baseline",
            type=bool,
            default=False,
            help="Measure J&F before training too: val/... at step 0, val/jf_gain from then on. "
            "Not repeated by a run that is continued.",
        )
        parser.add_argument(
            "--start_from",
            type=StartFrom,
            default=StartFrom(),
            help="Another run whose best or last checkpoint `fit` starts from, weights only.",
        )
        parser.add_lightning_class_args(ModelCheckpoint, "checkpoint")
        parser.add_lightning_class_args(LastCheckpoint, "last_checkpoint")
        parser.add_lightning_class_args(MaskWriter, "mask_writer")
        parser.add_lightning_class_args(ProbabilityKeeper, "probabilities")
        parser.add_lightning_class_args(TrainingMeter, "training_meter")
        parser.add_lightning_class_args(WandbRun, "wandb_run")
        parser.add_lightning_class_args(WandbPanels, "wandb_panels")
        parser.add_lightning_class_args(WandbWorst, "wandb_worst")
        parser.add_lightning_class_args(VideoProgressBar, "progress")
        parser.set_defaults(
            {
                "checkpoint.monitor": "val/jf",
                "checkpoint.mode": "max",
                "checkpoint.filename": "best",
                "checkpoint.enable_version_counter": False,
            }
        )
        for key in ("checkpoint", "last_checkpoint"):
            parser.link_arguments("out", f"{key}.dirpath", compute_fn=_checkpoint_dir)
        parser.link_arguments("out", "mask_writer.output_dir")
        parser.link_arguments("out", "probabilities.output_dir")
        parser.link_arguments("out", "trainer.default_root_dir")

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """Lightning's commands without the argument that would hold every mask in memory."""
        commands = LightningCLI.subcommands()
        commands["predict"].add("return_predictions")
        return commands

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        """Parse what `pvuw.cli` was given, which need not be `sys.argv`."""
        assert isinstance(args, list)
        words = configs_first(args)
        try:
            self.config = parser.parse_args(words)
        except ArgumentError as error:
            command = self._subcommand_parsers[words[0]]
            assert isinstance(command, RecordingParser)
            raise explain(words, command, config_dir() / "base.yaml", error) from None

    def _parse_ckpt_path(self) -> None:
        """Leave the configuration alone: in Lightning 2.6.6 a checkpoint's would overrule flags.

        See https://github.com/Lightning-AI/pytorch-lightning/pull/21455.
        """

    def before_instantiate_classes(self) -> None:
        """Find named checkpoints and give loggers this run's folder."""
        config = self.config[self.config.subcommand]
        config.extends = None  # all of it is here: the run's config.yaml stands by itself
        _fill_in_clip_size(config)
        config.ckpt_path = resolve_checkpoint(
            config.get("ckpt_path"), config.out, command=self.config.subcommand
        )
        config.trainer.logger = place_loggers(config.trainer.logger, config.out)
        if self.config.subcommand == "fit":
            refuse_other_run(config.out, config.ckpt_path)
            if config.ckpt_path is None:
                _start_from_other_run(config)

    def instantiate_classes(self) -> None:
        """Build everything; a user's mistake found on the way stays the one line it is."""
        command = self.config.subcommand
        config = self.config[command]
        path = None if config.get("ckpt_path") is None else Path(config.ckpt_path)
        state = None if path is None else read_run_checkpoint(path, to_continue=command == "fit")
        continued = continue_wandb_run(config) if command == "fit" else []
        try:
            super().instantiate_classes()
        except ValueError as error:  # jsonargparse's, around whatever a constructor raised
            cause: BaseException | None = error
            while cause is not None:
                if isinstance(cause, PvuwError):
                    raise cause from None
                cause = cause.__cause__ or cause.__context__
            raise
        if path is not None and state is not None:
            require_same_network(path, state, self.model.state_dict())
        for entry in continued:
            entry.init_args.id = None  # not into config.yaml: a fit from that is a run of its own
        # A checkpoint brings its baseline along; Lightning 2.6.6 would measure again.
        if command == "fit" and config.baseline and config.ckpt_path is None:
            self.trainer.num_sanity_val_steps = float("inf")

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Build the trainer; processes that train together do so as the network needs.

        Raises:
            PvuwError: If hardware that was asked for is not there, or a name is wrong.
        """
        # `auto` with several devices, on several nodes, and `ddp` by name all take this entry.
        # Looking for weights that a step left out walks the graph once more, so not where there
        # are none; where there may be some, the second step would end in an error without it.
        StrategyRegistry.register(
            "ddp",
            DDPStrategy,
            override=True,
            find_unused_parameters=not self.model.net.uses_every_weight,
        )
        trainer = self.config_init[self.config.subcommand].trainer
        plugins = _listed(trainer.plugins)
        if not any(isinstance(plugin, CheckpointIO) for plugin in plugins):
            kwargs["plugins"] = [*plugins, WholeCheckpoints()]
        kwargs["callbacks"] = [*_listed(trainer.callbacks), KeepSignals()]
        try:
            return super().instantiate_trainer(**kwargs)
        except (MisconfigurationException, ValueError, TypeError) as error:
            command = self.config.subcommand
            options = self.config[command].trainer
            raise explain_trainer(f"pvuw {command}", options, error) from error

    def before_predict(self) -> None:
        """Tell the mask writer what decides the masks, so that a run goes on with its own only."""
        config = self.config.predict
        plain = yaml.safe_load(self.parser.dump(self.config, skip_none=False))
        writer: MaskWriter = self.config_init.predict.mask_writer
        writer.recipe = recipe_fingerprint(
            plain["predict"]["model"],
            checkpoint=None if config.ckpt_path is None else Path(config.ckpt_path),
            precision=plain["predict"]["trainer"]["precision"],
        )

    def _run_subcommand(self, subcommand: str) -> None:
        """Nothing while all is being built: `run` does it."""

    def run(self) -> int:
        """Run the command and end together with the run's other processes; its exit status."""
        command = partial(super()._run_subcommand, self.config.subcommand)
        return run_to_the_end(command, self.trainer, self.model)

    def predict(self, **kwargs: Any) -> None:
        """Predict without collecting results: the mask writer has them already."""
        self.trainer.predict(**kwargs, return_predictions=False)


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [] if value is None else [value]


def _checkpoint_dir(out: Path) -> Path:
    return out / "checkpoints"


def _fill_in_clip_size(config: Namespace) -> None:
    """Cut clips at the size that the network sees, where only that is said.

    Not `link_arguments`: a linked size could not be set by itself, and would be missing from the
    run's config.yaml when that predicts with a data module without clips.
    """
    clip = config.data.init_args.get("clip")
    if clip is not None and clip.size is None:
        clip.size = (config.model.init_args.net.get("init_args") or {}).get("image_size")


def _start_from_other_run(config: Namespace) -> None:
    """Give the network the weights of the run that `start_from` names.

    Raises:
        PvuwError: If that run has no such checkpoint, or other weights are given as well.
    """
    start = StartFrom(**config.start_from)
    weights = weights_of_run(start, root=config.data.init_args.get("root"))
    if weights is None:
        return
    net = config.model.init_args.net
    given = net.init_args.get("weights")
    if given not in (None, weights):
        raise PvuwError(
            f"model.net.weights {given} and start_from.run {start.run} each say what to start "
            "from; give one of them (--start_from.run null)"
        )
    if "weights" not in net.init_args:
        raise PvuwError(
            f"start_from.run {start.run}: {net.class_path} has no weights to start from"
        )
    net.init_args.weights = weights


def _quieten_lightning() -> None:
    """Drop what Lightning 2.6.6 says that a user of this command can do nothing about."""
    # lightning/pytorch/utilities/_pytree.py uses a class that torch 2.14 deprecates.
    warnings.filterwarnings("ignore", message=".*LeafSpec.*")
    # Predictions went to the frame sinks; loops/prediction_loop.py suspects a bug.
    warnings.filterwarnings("ignore", message="predict returned None.*")
    # Asked of every value, one by one: scores are of all processes when they are logged.
    warnings.filterwarnings("ignore", message=".*sync_dist=True.*")
    # An advertisement, printed wherever another logger is used.
    logging.getLogger("lightning.pytorch.utilities.rank_zero").addFilter(
        lambda record: "litlogger" not in record.getMessage()
    )


def build_cli(argv: Sequence[str], *, cli_class: type[VOSCLI] = VOSCLI) -> VOSCLI:
    """Parse a command line, build its trainer, module and data, and run the command."""
    base = [str(config_dir() / "base.yaml")]
    return cli_class(
        SegmentationModule,
        SegmentationDataModule,
        subclass_mode_model=True,
        subclass_mode_data=True,
        auto_configure_optimizers=False,
        save_config_callback=RecordConfig,
        save_config_kwargs={"save_to_log_dir": False},
        parser_kwargs={
            name: {"default_config_files": base, "prog": f"pvuw {name}"}
            for name in LightningCLI.subcommands()
        },
        args=list(argv),
    )


def run_trainer_command(argv: Sequence[str]) -> int:
    """Run one of Lightning's commands; exit status 1 if videos failed."""
    _quieten_lightning()
    with started_again_as(argv):
        return build_cli(argv).run()
