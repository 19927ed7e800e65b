"""J and F written straight from the definitions: whole frames, dilation by the disk."""

import math

import cv2
import numpy as np
from skimage.morphology import disk


def boundary(mask):
    """Pixels that differ from their right, lower or lower right neighbour, where there is one."""
    edge = np.zeros_like(mask)
    inner = mask[:-1, :-1]
    edge[:-1, :-1] = (inner != mask[:-1, 1:]) | (inner != mask[1:, :-1]) | (inner != mask[1:, 1:])
    edge[-1, :-1] = mask[-1, :-1] != mask[-1, 1:]
    edge[:-1, -1] = mask[:-1, -1] != mask[1:, -1]
    return edge


def f_measure(truth, prediction, radius):
    edges = [boundary(mask).astype(np.uint8) for mask in (truth, prediction)]
    kernel = disk(radius).astype(np.uint8)
    if not kernel.any():  # frames of less than 73 pixels across: our own rule, exact hits only
        kernel = np.ones((1, 1), np.uint8)
    grown = [cv2.dilate(edge, kernel) for edge in edges]
    num_truth, num_predicted = (int(edge.sum()) for edge in edges)
    if num_truth == 0 or num_predicted == 0:
        return float(num_truth == num_predicted)
    recall = int((edges[0] * grown[1]).sum()) / num_truth
    precision = int((edges[1] * grown[0]).sum()) / num_predicted
    if precision + recall == 0:
        return 0.0
    return 2 * precision * recall / (precision + recall)


def areas(truth, prediction):
    return int((truth & prediction).sum()), int((truth | prediction).sum())


def davis(truth, prediction):
    """J and F of two bool masks."""
    intersection, union = areas(truth, prediction)
    radius = math.ceil(0.008 * np.linalg.norm(truth.shape))
    return intersection / union if union else 1.0, f_measure(truth, prediction, radius)


def mosev2(truth, prediction):
    """MOSEv2's J, F and adaptive F of two bool masks."""
    intersection, union = areas(truth, prediction)
    j = (intersection + 1) / (union + 1)
    cap = 0.008 * np.linalg.norm(truth.shape)
    radius = math.ceil(0.1 * math.sqrt(truth.sum()))
    if not truth.any():
        radius = math.ceil(0.1 * np.linalg.norm(truth.shape))
    if radius < cap:
        f = f_measure(truth, prediction, math.ceil(cap))
        return j, f, f_measure(truth, prediction, radius)
    f = f_measure(truth, prediction, cap)
    return j, f, f
