"""`--help` of fit, validate, test and predict: what one needs first, without importing torch."""

from collections.abc import Sequence

_COMMON = """\
  --config FILE     recipe: a file, or a name under the shipped ones; later files and flags win
  --out DIR         folder of this run: checkpoints/, logs/, config.yaml, Annotations/
"""
_MORE = """
every option:       pvuw {0} --help all
of the data:        pvuw {0} --data.help {1}
of the network:     pvuw {0} --model.init_args.net.help Sam2    (or XMem, Cutie, LiVOS, Tmo)
of all around it:   pvuw {0} --model.help VOSModule
what is in force:   add --print_config
"""
_PAGES = {
    "fit": """\
usage: pvuw fit --config RECIPE --data.root DIR [--out DIR] [options]

Fine-tunes the network of a recipe on a folder in MOSE's layout.

examples:
  pvuw fit --config mose/sam2_nano.yaml --data.root data/sample --out runs/nano
  pvuw fit --config mose/sam2_nano.yaml --data.root data/sample --out runs/nano --ckpt_path last
  pvuw fit --config mose/sam2_nano.yaml --config overlays/debug.yaml --data.root data/sample

used most:
{common}\
  --data.root DIR   folder with train/ and valid/
  --ckpt_path last  go on with this run, exactly where it stopped
  --model.net.weights FILE      official or exported weights to start from
  --model.optim.lr RATE         learning rate
  --data.batch_size N           clips per step and process
  --trainer.max_epochs N        length
  --trainer.devices N           processes, one per GPU
  --trainer.precision bf16-mixed
  --baseline true               measure before training as well
""",
    "validate": """\
usage: pvuw validate --config RECIPE --data.root DIR [--ckpt_path FILE] [options]

Measures J&F of a checkpoint on the validation videos.

example:
  pvuw validate --config mose/sam2_nano.yaml --data.root data/sample --out runs/a --ckpt_path best

used most:
{common}\
  --data.root DIR   folder with valid/, ground truth included
  --ckpt_path FILE  checkpoint; best and last are this run's own; without: the recipe's weights
""",
    "test": """\
usage: pvuw test --config RECIPE --data.root DIR [--ckpt_path FILE] [options]

The same as validate, under the name test/.

example:
  pvuw test --config mose/sam2_nano.yaml --data.root data/sample --out runs/nano --ckpt_path best

used most:
{common}\
  --data.root DIR   folder with valid/, ground truth included
  --ckpt_path FILE  checkpoint; best and last are this run's own; without: the recipe's weights
""",
    "predict": """\
usage: pvuw predict --images PATH --masks PATH [--out DIR] [--net NAME] [--weights FILE]
       pvuw predict --config RECIPE [--out DIR] [--ckpt_path FILE] [options]

Segments videos from the masks of their first frames and writes palette PNGs with the same ids; or
from sentences about them, with a network that knows words, and writes one mask for each.

examples:
  pvuw predict --images my/frames --masks my/masks --out my/result
  pvuw predict --images clip.mp4 --masks first.png --out my/result --net sam2_base_plus
  pvuw predict --config mose/sam2_nano.yaml --data.root data/sample --out runs/nano --ckpt_path best

used most:
  --images PATH     folders of frames, one folder of frames, a folder of video files, or one video
  --masks PATH      masks of first frames (or of any frame where an object begins); one PNG will do
  --text WORDS|FILE instead of masks, for a network that knows words: a sentence, lines of
                    video<TAB>sentence (.txt), or expressions as MeViS has them (.json)
  --net NAME        recipe predict/NAME.yaml; default sam2_nano, whose weights ship
  --weights FILE    official, exported, or a run's checkpoint; default: those the recipe names
{common}\
  --data.root DIR   instead of images and masks: the valid/ of a folder in MOSE's layout
  --ckpt_path FILE  checkpoint; best and last are this run's own
""",
}


def help_page(command: str) -> str:
    """The text of `pvuw COMMAND --help`."""
    data = "PredictDataModule" if command == "predict" else "MOSEDataModule"
    return _PAGES[command].format(common=_COMMON) + _MORE.format(command, data)


def wants_page(words: Sequence[str]) -> bool:
    """Whether a command line asks for help, and not for every option."""
    return any(
        word in ("-h", "--help") and words[place + 1 : place + 2] != ["all"]
        for place, word in enumerate(words)
    )
