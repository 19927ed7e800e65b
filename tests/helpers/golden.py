"""Golden cases of the original networks: frames, masks, what came out, and the weights' rule.

A folder holds `keys.json` (name, shape, dtype and whether constant of every weight), `inputs.npz`,
`expected.npz` and `meta.json`. Every folder below `PVUW_GOLDEN` is found, and those under
`tests/data/golden` always are. There, folders called `…_frozen` are no originals: they hold what
this package itself gave once, and notice changes only.
"""

import hashlib
import json
import os
import zlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pvuw.ops.images import IMAGE_MEAN, IMAGE_STD
from tests.helpers.noise import FACTOR

PARTS = 1e-3
"""Of a tensor's own deviation, where a file states no floor: ten of the originals' usual ones."""
OWN = Path(__file__).parents[1] / "data" / "golden"
SHARED = Path(__file__).parents[3] / "shared" / "golden"


@dataclass(frozen=True)
class Folder:
    """The cases of one network with one set of weights."""

    path: Path

    @cached_property
    def meta(self) -> dict[str, Any]:
        return json.loads((self.path / "meta.json").read_text())

    @cached_property
    def rows(self) -> list[list[Any]]:
        """`keys.json` as it is."""
        return json.loads((self.path / "keys.json").read_text())

    @cached_property
    def keys(self) -> list[tuple[str, list[int], str, bool]]:
        """Name, shape, dtype and whether constant, of every weight, in the published order."""
        return [(row[0], row[1], row[2], len(row) > 3 and bool(row[3])) for row in self.rows]

    @property
    def frozen(self) -> bool:
        """Whether the numbers are this package's own of earlier, not an original's."""
        return self.path.name.endswith("_frozen")

    @cached_property
    def expected(self):
        return np.load(self.path / "expected.npz")

    @cached_property
    def inputs(self):
        return np.load(self.path / "inputs.npz")

    def weights(self) -> dict[str, torch.Tensor]:
        """The weights by the rule, checked; the last folder's are kept."""
        return _weights(self)

    def __hash__(self):
        return hash(self.path)


@dataclass(frozen=True)
class Case:
    """One video through one network."""

    folder: Folder
    name: str

    @property
    def meta(self) -> dict[str, Any]:
        return self.folder.meta["cases"][self.name]

    @property
    def config(self) -> dict[str, Any]:
        """The original's settings: its defaults and what the case changes."""
        return {**self.folder.meta.get("default_config", {}), **self.meta.get("config", {})}

    @property
    def frames(self) -> torch.Tensor:
        """uint8 `[T, 3, H, W]`."""
        elsewhere = self.folder.meta.get("more_inputs")
        arrays = np.load(self.folder.path / elsewhere) if elsewhere else self.folder.inputs
        stack = arrays[f"stack/{self.meta['stack']}"][self.meta["frame_index"]]
        if self.meta.get("crop_y0y1x0x1"):
            top, bottom, left, right = self.meta["crop_y0y1x0x1"]
            stack = stack[..., top:bottom, left:right]
        return torch.from_numpy(np.ascontiguousarray(stack))

    @property
    def masks(self) -> dict[int, torch.Tensor]:
        """Id map given at a frame, uint8 `[H, W]`."""
        prefix = f"{self.name}/mask/"
        names = [n for n in self.folder.inputs.files if n.startswith(prefix)]
        return {int(n[len(prefix) :]): torch.from_numpy(self.folder.inputs[n]) for n in names}

    def expected(self, kind: str) -> dict[str, torch.Tensor]:
        """Arrays of a kind (`prob`, `probsub`, `mid`) by the rest of their name; `ids` has none."""
        prefix = f"{self.name}/{kind}"
        found = [n for n in self.folder.expected.files if n == prefix or n.startswith(prefix + "/")]
        arrays = self.folder.expected
        return {n[len(prefix) + 1 :]: torch.from_numpy(arrays[n]) for n in found}

    def subsample(self, probs: torch.Tensor) -> torch.Tensor:
        """The part of `[1 + N, H, W]` that `probsub` holds."""
        return take(probs, self.folder.meta["prob_subsample"].split("[", 1)[1].rstrip("]"))

    def tolerance(self, quantity: str, default: float = PARTS) -> float:
        """`FACTOR` times how far the original itself moves, as the file states it for the case."""
        stated = self.folder.meta.get("noise_floor", {}).get(self.name)
        if stated is None:
            return default
        # Ten roundings of every weight are more than other threads or kernels do.
        return FACTOR * max(m[quantity] for how, m in stated.items() if "1e-6" not in how)

    def intermediates(self, frame: int) -> dict[str, str]:
        """Names of the intermediate tensors stored of a frame, and which part of each."""
        return self.meta.get("intermediates", {}).get(str(frame), {})


def take(tensor: torch.Tensor, index: str) -> torch.Tensor:
    """The part of a tensor that an index such as `[:, ::8]` names."""
    parts = []
    for part in index.strip("[]").split(","):
        numbers = [int(n) if n.strip() else None for n in part.split(":")]
        parts.append(slice(*numbers) if len(numbers) > 1 else numbers[0])
    return tensor[tuple(parts)]


def fill(name: str, shape: list[int], *, seed: int, gain: float) -> np.ndarray:
    """One learned weight by the rule, float32; `gain` includes the factors of `name_scales`."""
    rng = np.random.RandomState(zlib.crc32(f"{seed}:{name}".encode()) & 0x7FFFFFFF)
    if name.endswith("running_var"):
        values = rng.uniform(0.5, 1.5, size=shape)
    elif name.endswith("running_mean"):
        values = 0.1 * rng.standard_normal(shape)
    elif len(shape) >= 2:
        values = rng.standard_normal(shape) * gain / np.sqrt(np.prod(shape) / shape[0])
    elif len(shape) == 1 and name.endswith("weight"):
        values = 1 + 0.1 * rng.standard_normal(shape)
    else:
        values = 0.1 * rng.standard_normal(shape)
    return np.asarray(values, np.float32)


def fill_all(
    keys: list[tuple[str, list[int], str, bool]],
    *,
    seed: int,
    gain: float = 1.0,
    name_scales: tuple[tuple[str, float], ...] = (),
    constants: dict[str, np.ndarray] | None = None,
) -> dict[str, np.ndarray]:
    """All weights of a key list by the rule."""
    arrays, stored = {}, constants or {}
    for name, shape, dtype, constant in keys:
        if constant:
            arrays[name] = stored[name] if name in stored else _computed_constant(name, shape)
        elif name.endswith("num_batches_tracked"):
            arrays[name] = np.zeros(shape, dtype)
        else:
            scaled = gain * np.prod([factor for part, factor in name_scales if part in name])
            arrays[name] = fill(name, shape, seed=seed, gain=scaled)
    return arrays


def _computed_constant(name: str, shape: list[int]) -> np.ndarray:
    """Buffers that no case stores: SAM 3's rotary tables, TMO's mean and deviation of ImageNet."""
    if name.endswith(".freqs_cis"):
        side, dim = int(shape[0] ** 0.5), 2 * shape[1]
        frequency = (1.0 / 10000 ** (torch.arange(0, dim, 4).float() / dim)).repeat(2)
        row, column = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
        place = torch.stack([column, row], -1).view(-1, 2).float().repeat_interleave(dim // 4, 1)
        angle = (place * frequency).double().numpy()
        return (np.cos(angle) + 1j * np.sin(angle)).astype(np.complex64)
    values = {"mean": IMAGE_MEAN, "std": IMAGE_STD}[name.rsplit(".", 1)[-1]]
    return np.array(values, np.float32).reshape(1, 3, 1, 1)


def checksum(arrays: dict[str, np.ndarray]) -> str:
    """SHA-256 of the raw bytes, in order."""
    digest = hashlib.sha256()
    for array in arrays.values():
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


@lru_cache(maxsize=1)
def _weights(folder: Folder) -> dict[str, torch.Tensor]:
    meta = folder.meta
    scales = meta.get("name_scales", [])
    stored = {n: folder.expected[n] for n in folder.expected.files if n.startswith("constant/")}
    arrays = fill_all(
        folder.keys,
        seed=meta["seed"],
        gain=meta["gain"],
        name_scales=tuple(scales.items() if isinstance(scales, dict) else map(tuple, scales)),
        constants={n.removeprefix("constant/"): array for n, array in stored.items()},
    )
    assert checksum(arrays) == meta["weights_sha256"], (
        f"{folder.path}: the rule gives other weights"
    )
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def folders(*models: str, frozen: bool = False) -> list[Folder]:
    """Every folder found whose `meta.json` names one of the models; the frozen ones if asked."""
    paths = sorted(
        {p.parent.resolve() for root in (OWN, outside()) for p in root.rglob("meta.json")}
    )
    found = [Folder(path) for path in paths if (path / "keys.json").is_file()]
    return [f for f in found if f.frozen == frozen and f.meta.get("model") in models]


def outside() -> Path:
    """Where whole cases of the originals are looked for."""
    return Path(os.environ.get("PVUW_GOLDEN", SHARED))


def cases(*models: str, frozen: bool = False) -> list[Any]:
    """Parameters for pytest: every case of the models, marked `golden`."""
    return [
        pytest.param(
            Case(folder, name),
            id=f"{folder.path.parent.name}-{folder.path.name}-{name}",
            marks=pytest.mark.golden,
        )
        for folder in folders(*models, frozen=frozen)
        for name in folder.meta["cases"]
    ]


def missing(*models: str) -> list[Any]:
    """Parameters that are skipped, with a line: models whose whole cases are not at hand."""
    found = {f.meta["model"] for f in folders(*models) if OWN not in f.path.parents}
    return [
        pytest.param(None, id=f"{model}-whole", marks=pytest.mark.skip(reason=reason))
        for model in models
        if model not in found
        for reason in [f"no whole cases of {model} below {outside()}; PVUW_GOLDEN names them"]
    ]
