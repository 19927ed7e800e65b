"""The outline of a body worked out another way: rotation matrices and points, in float64."""

import numpy as np

from pvuw.sample.exact import sine
from pvuw.sample.noise import TILE


def rotation(turns):
    cos, sin = sine(turns + 0.25), sine(turns)
    return np.array([[cos, -sin], [sin, cos]])


def distance(look, pose, size_hw):
    """How far out each pixel centre lies: <= 1 is inside the body, `[H, W]`."""
    rows, cols = np.mgrid[: size_hw[0], : size_hw[1]].astype(float)
    offset = np.stack([cols - pose.position[0], rows - pose.position[1]], -1)
    upright = offset @ rotation(pose.angle)  # the inverse rotation, for row vectors
    body = upright / pose.scale / np.array([pose.facing, 1.0])
    texel = np.floor(body * look.texels).astype(int) + np.array(look.texture_shift)[::-1]
    texture = look.texture[texel[..., 1] % TILE, texel[..., 0] % TILE]
    nearest = np.full(size_hw, np.inf)
    for part in look.parts:
        turn = part.angle + part.sway * sine(pose.cycle + part.phase)
        local = (body - np.array(part.pivot)) @ rotation(turn) - np.array([0.0, part.drop])
        p, q = np.abs(local / np.array(part.axes)).transpose(2, 0, 1)
        power = 4 if part.boxy else 2
        out = (p**power + q**power) ** (1 / power) + look.rough * (texture - 0.5)
        nearest = np.minimum(nearest, out)
    return nearest
