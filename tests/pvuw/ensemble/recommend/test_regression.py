import numpy as np
import pytest

from pvuw.ensemble.recommend.regression import fit_linear


def examples(count, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(3.0, 2.0, (count, 4))
    return x, 0.5 + 0.1 * x[:, 0] - 0.05 * x[:, 2] + rng.normal(0, 0.05, count)


BELIEF = 2e-3
"""What the belief still weighs beside 2,000 examples: about 1/2000 of its distance, 0.3 to 2."""


def test_many_examples_give_least_squares():
    x, y = examples(2000)
    fit = fit_linear(x, y, bias=0.0, bias_spread=0.3)
    columns = np.concatenate([np.ones((len(x), 1)), x], axis=1)
    weights = np.linalg.lstsq(columns, y, rcond=None)[0]
    for inputs in x[:5]:
        expected, spread = fit.predict(inputs)
        assert expected == pytest.approx(weights[0] + inputs @ weights[1:], abs=BELIEF)
        assert spread == pytest.approx(0.05, rel=0.05)


def test_few_examples_stay_near_the_belief():
    x, y = examples(2)
    fit = fit_linear(x, y, bias=y.mean() + 0.3, bias_spread=1e-4)
    expected, spread = fit.predict(x.mean(axis=0))
    assert expected == pytest.approx(y.mean() + 0.3, abs=0.02)
    assert 0.02 < spread < 0.5  # two examples that are 0.3 off the belief


def test_useless_inputs_are_shrunk_away():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(40, 30)), rng.normal(0.6, 0.1, 40)
    fit = fit_linear(x, y, bias=0.6, bias_spread=0.2)
    unseen = [fit.predict(inputs)[0] for inputs in rng.normal(size=(50, 30))]
    assert np.abs(np.array(unseen) - y.mean()).max() < 0.05


def test_unknown_and_constant_inputs_do_not_matter():
    x, y = examples(200)
    x[:, 1] = 7.0
    whole = fit_linear(x, y, bias=0.5, bias_spread=0.2)
    x[::2, 3] = np.nan
    fit = fit_linear(x, y, bias=0.5, bias_spread=0.2)
    inputs = np.array([3.0, 99.0, 3.0, np.nan])
    assert np.isfinite(fit.predict(inputs)).all()
    assert fit.predict(inputs)[0] == pytest.approx(whole.predict(inputs)[0], abs=0.02)


def test_a_perfect_fit_is_no_certainty():
    x = np.arange(3.0)[:, None]
    _, spread = fit_linear(x, 0.1 * x[:, 0], bias=0.1, bias_spread=0.2).predict(np.array([1.0]))
    assert spread > 0.005
