"""The trainer commands without the running."""

from pvuw.lightning_cli import VOSCLI, build_cli


class BuiltOnly(VOSCLI):
    """Builds trainer, module and data, and stops there."""

    def _run_subcommand(self, subcommand):
        del subcommand


class ParsedOnly(BuiltOnly):
    """Stops after parsing."""

    def before_instantiate_classes(self):
        pass

    def instantiate_classes(self):
        pass


def parse(*argv):
    """The configuration a command line means."""
    cli = build_cli([str(word) for word in argv], cli_class=ParsedOnly)
    return cli.config[cli.config.subcommand]


def build(*argv):
    """The command line object with `trainer`, `model` and `datamodule`."""
    return build_cli([str(word) for word in argv], cli_class=BuiltOnly)
