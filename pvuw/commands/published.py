"""Which weights were published, where, and under which licence; no list of anyone's but a table."""

from dataclasses import dataclass

from pvuw.errors import PvuwError, suggestion
from pvuw.io.download import Checksum

_SAM2_1 = "https://dl.fbaipublicfiles.com/segment_anything_2/092824"
_SAM2_0 = "https://dl.fbaipublicfiles.com/segment_anything_2/072824"
_XMEM = "https://github.com/hkchengrex/XMem/releases/download/v1.0"
_CUTIE = "https://github.com/hkchengrex/Cutie/releases/download/v1.0"
_RAFT = "https://download.pytorch.org/models"
_DRIVE = "https://drive.google.com/file/d"
_TMO_LICENCE = "non-commercial research only, says the authors' README (its licence file says MIT)"


@dataclass(frozen=True)
class Published:
    """One file of published weights."""

    network: str
    """As `pvuw weights inspect` names it."""
    file: str
    address: str
    licence: str
    checksum: Checksum | None = None
    by_hand: str = ""
    """Why the address must be opened in a browser; empty where a program may download it."""


def _sam2(size: str, *, version: str) -> Published:
    base, file = (
        (_SAM2_1, f"sam2.1_hiera_{size}.pt")
        if version == "2.1"
        else (_SAM2_0, f"sam2_hiera_{size}.pt")
    )
    return Published(f"SAM {version} {size}", file, f"{base}/{file}", "Apache-2.0")


def _raft(size: str, file: str, sha256: str) -> Published:
    address = f"{_RAFT}/{file}"
    return Published(f"RAFT {size}", file, address, "BSD-3-Clause", Checksum("sha256", sha256))


def _tmo(variant: str, drive_id: str) -> Published:
    return Published(
        f"TMO {variant}",
        f"TMO_{variant}.pth",
        f"{_DRIVE}/{drive_id}/view",
        _TMO_LICENCE,
        by_hand="Google Drive asks for a confirmation",
    )


def _livos(name: str) -> Published:
    return Published(
        "LiVOS",
        f"livos-{name}-480p.pth",
        "https://github.com/uncbiag/LiVOS",
        "MIT",
        by_hand="its download.py links to Google Drive, and the links have changed before",
    )


_SAM3 = Published(
    "SAM 3 official",
    "sam3.pt",
    "https://huggingface.co/facebook/sam3",
    "SAM License, which is no open-source licence: results must acknowledge SAM, no military use",
    by_hand="gated: its page grants access to an account that agrees to the licence",
)


_SA2VA_SIZES = (
    "1B", "4B", "8B", "26B", "InternVL3-2B", "InternVL3-8B", "InternVL3-14B", "Qwen2_5-VL-3B",
    "Qwen2_5-VL-7B", "Qwen3-VL-4B",
)  # fmt: skip


def _sa2va(owner: str, name: str) -> Published:
    return Published(
        name,
        name,
        f"https://huggingface.co/{owner}/{name}",
        "see its model card; the code is Apache-2.0, language models have their own",
        by_hand="a directory of several files: clone it whole",
    )


_SIZES = ("tiny", "small", "base_plus", "large")
PUBLISHED = {
    **{f"sam2.1_{size}": _sam2(size, version="2.1") for size in _SIZES},
    **{f"sam2_{size}": _sam2(size, version="2.0") for size in _SIZES},
    "sam3": _SAM3,
    **{
        f"sa2va_{n.lower().replace('-', '_')}": _sa2va("ByteDance", f"Sa2VA-{n}")
        for n in _SA2VA_SIZES
    },
    **{f"sa2va_i_{n.lower()}": _sa2va("kumuji", f"Sa2VA-i-{n}") for n in _SA2VA_SIZES[:4]},
    "xmem": Published("XMem", "XMem.pth", f"{_XMEM}/XMem.pth", "MIT"),
    "xmem_s012": Published("XMem", "XMem-s012.pth", f"{_XMEM}/XMem-s012.pth", "MIT"),
    "cutie_base_mega": Published(
        "Cutie base",
        "cutie-base-mega.pth",
        f"{_CUTIE}/cutie-base-mega.pth",
        "MIT",
        Checksum("md5", "a6071de6136982e396851903ab4c083a"),
    ),
    "livos_nomose": _livos("nomose"),
    "livos_nomose_ft": _livos("nomose-ft"),
    "livos_wmose": _livos("wmose"),
    "tmo_rn101": _tmo("rn101", "1GzdzVndz_J9RPnJLZFtRNHqYQD_ecs6r"),
    "tmo_mitb1": _tmo("mitb1", "1tftAPgpiQ4L4IdvaVcdif0XJJSjqVjLs"),
    "raft_large": _raft("large", "raft_large_C_T_SKHT_V2-ff5fadd5.pth", "ff5fadd5"),
    "raft_small": _raft("small", "raft_small_C_T_V2-01064c6d.pth", "01064c6d"),
}
"""By the names `pvuw weights fetch` takes."""


def find_published(name: str) -> Published:
    """The entry of a name.

    Raises:
        PvuwError: Naming all there are.
    """
    if name not in PUBLISHED:
        alike = suggestion(name, PUBLISHED, listed=0)
        there = f"there are {', '.join(PUBLISHED)}"
        raise PvuwError(f"no published weights {name!r}{alike} ({there}); see pvuw weights --help")
    return PUBLISHED[name]
