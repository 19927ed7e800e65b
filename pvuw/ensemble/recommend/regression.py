"""Bayesian linear regression: a prediction and how far it may be off."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_ROUNDS = 30


@dataclass(frozen=True)
class LinearFit:
    """`y = b + w z + noise` with standardised inputs `z`, all of it uncertain.

    Bishop (2006), Pattern Recognition and Machine Learning, sections 3.3 (posterior and predictive
    distribution) and 3.5 (the two precisions by maximum evidence, equations 3.91 to 3.95).
    """

    center: Array
    """Mean of each input, `[D]`."""
    scale: Array
    """Spread of each input, `[D]`; 1 where it never varies."""
    mean: Array
    """Posterior mean of the weights, bias first, `[1 + D]`."""
    covariance: Array
    """Posterior covariance of the weights, `[1 + D, 1 + D]`."""
    noise: float
    """Variance of the noise."""

    def standardise(self, x: Array) -> Array:
        """Return inputs, `[…, D]`, in spreads from their mean; NaN, unknown, is the mean: 0."""
        return np.nan_to_num((x - self.center) / self.scale, nan=0.0)

    def predict(self, x: Array) -> tuple[float, float]:
        """Return the expected value for inputs `[D]` and its standard deviation, noise included."""
        z = np.concatenate([[1.0], self.standardise(x)])
        variance = self.noise + z @ self.covariance @ z
        return float(z @ self.mean), float(np.sqrt(variance))


def fit_linear(x: Array, y: Array, *, bias: float, bias_spread: float) -> LinearFit:
    """Return the posterior of a linear model given `K` examples.

    Args:
        x: Inputs, `[K, D]`; NaN where one is not known.
        y: Outputs, `[K]`.
        bias: What the output is believed to be on average before any example.
        bias_spread: Standard deviation of that belief.

    Example:
        >>> x = np.linspace(0, 1, 20)[:, None]
        >>> y = 0.2 + 0.5 * x[:, 0] + 0.1 * (-1.0) ** np.arange(20)
        >>> fit = fit_linear(x, y, bias=0.5, bias_spread=0.2)
        >>> [round(value, 2) for value in fit.predict(np.array([0.5]))]
        [0.45, 0.11]
        >>> fit.predict(np.array([3.0]))[1] > fit.predict(np.array([0.5]))[1]
        True
    """
    start = _unfitted(x)
    z = np.concatenate([np.ones((len(x), 1)), start.standardise(x)], axis=1)
    y = y - bias
    weight_precision, noise_precision = 25.0, 50.0
    for _ in range(_ROUNDS):
        prior = np.diag([bias_spread**-2] + [weight_precision] * x.shape[1])
        covariance = np.linalg.inv(prior + noise_precision * z.T @ z)
        mean = noise_precision * covariance @ z.T @ y
        # How many weights the examples determine, the bias left out.
        known = x.shape[1] - weight_precision * np.trace(covariance[1:, 1:])
        weight_precision = (known + 1e-3) / (float(mean[1:] @ mean[1:]) + 1e-4)
        residual = float(((y - z @ mean) ** 2).sum())
        # Half a pretended example of spread 0.02: a perfect fit of few rows is no certainty.
        noise_precision = (max(len(y) - known - 1, 0.0) + 0.5) / (residual + 0.5 * 0.02**2)
    mean = mean.copy()
    mean[0] += bias
    return replace(start, mean=mean, covariance=covariance, noise=1 / noise_precision)


def _unfitted(x: Array) -> LinearFit:
    known = ~np.isnan(x)
    count = np.maximum(known.sum(axis=0), 1)
    center = np.where(known, x, 0.0).sum(axis=0) / count
    scale = np.sqrt(np.where(known, (x - center) ** 2, 0.0).sum(axis=0) / count)
    nothing = np.zeros(0)
    return LinearFit(center, np.where(scale > 1e-9, scale, 1.0), nothing, nothing, 0.0)
