"""Writes golden.json from upstream's `construct_optimizer`: `python -m tests.data.optim.make`.

Per size and parameter group: rate, decay, number of tensors, checksum of their sorted names.
"""

import json

from pvuw.nets.sam2.build import OFFICIAL_SIZES, build_sam2_base
from tests.helpers.sam2_optimizer import GOLDEN, fingerprint, reference_groups


def main():
    frozen = {size: fingerprint(reference_groups(build_sam2_base(size))) for size in OFFICIAL_SIZES}
    blocks = [
        f'"{size}": [\n' + ",\n".join(json.dumps(row) for row in rows) + "\n]"
        for size, rows in frozen.items()
    ]
    GOLDEN.write_text("{\n" + ",\n".join(blocks) + "\n}\n")


if __name__ == "__main__":
    main()
