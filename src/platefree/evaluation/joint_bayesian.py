"""Joint Bayesian (Chen, Cao, Wang, Wen and Sun, ECCV 2012), which DRDL's table 3 compares with.

The features of a picture are the sum of two Gaussian vectors with mean 0, one of its class and one
of the picture. Two pictures are scored by the logarithm of how much likelier they are together if
they have the class in common. Decided: the covariances are estimated by expectation maximisation
with the posterior covariances, which the paper leaves out, so that no step is less likely than the
one before; features are centred at the mean of the training pictures, and those of more than 256
numbers are reduced to as many principal components.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from platefree.types import Floats, Text

Doubles = NDArray[np.float64]

_STEPS = 20
_MOST = 256  # principal components
_RIDGE = 1e-6  # of the mean variance, on the diagonal: fewer pictures than numbers are no obstacle


@dataclass(frozen=True, eq=False)
class JointBayesian:
    """Scores pairs of pictures; a higher score is more likely one class.

    Attributes:
        mean: (d,) of the training pictures.
        components: (d, k) the directions that features are reduced to.
        between: (k, k) covariance of classes, S_mu.
        within: (k, k) covariance of the pictures of a class, S_epsilon.
    """

    mean: Doubles
    components: Doubles
    between: Doubles
    within: Doubles

    @classmethod
    def learn(cls, rows: Floats, classes: Text, steps: int = _STEPS) -> Self:
        """Estimate the covariances.

        Args:
            rows: (n, d) features of the training pictures.
            classes: (n,) the class of each, of which one has two pictures or more.
            steps: of expectation maximisation.
        """
        mean = rows.mean(axis=0, dtype=np.float64)
        components = _principal(rows - mean)
        centred = (rows - mean) @ components
        numbers = components.shape[1]
        _, codes, counts = np.unique(
            classes.astype(np.str_), return_inverse=True, return_counts=True
        )
        sums = np.zeros((len(counts), numbers))
        np.add.at(sums, codes, centred)
        ridge = _RIDGE * max(float(centred.var()), 1e-12) * np.eye(numbers)
        means = sums / counts[:, None]
        between = np.cov(means.T, bias=True).reshape(ridge.shape) + ridge
        within = np.cov((centred - means[codes]).T, bias=True).reshape(ridge.shape) + ridge
        for _ in range(steps):
            between, within = _step(centred, codes, counts, sums, between, within)
            between, within = between + ridge, within + ridge
        return cls(mean, components, between, within)

    def scores(self, first: Floats, second: Floats) -> Doubles:
        """(p,) log likelihood ratios of (p, d) and (p, d) features, without their constant."""
        total = self.between + self.within
        inverse = np.linalg.inv(self.within)
        cross = -np.linalg.solve(total + self.between, self.between) @ inverse  # G
        alone = np.linalg.inv(total) - (inverse + cross)  # A
        one, other = ((side - self.mean) @ self.components for side in (first, second))
        found: Doubles = (
            np.einsum("pd,pd->p", one @ alone, one)
            + np.einsum("pd,pd->p", other @ alone, other)
            - 2 * np.einsum("pd,pd->p", one @ cross, other)
        )
        return found / 2


def _principal(centred: Doubles) -> Doubles:
    """(d, k) the directions in which features differ most; all as they are if there are few."""
    numbers = centred.shape[1]
    if numbers <= _MOST:
        return np.eye(numbers)
    _, directions = eigh(centred.T @ centred, subset_by_index=[numbers - _MOST, numbers - 1])
    return np.asarray(directions, np.float64)


def _step(
    centred: Doubles,
    codes: NDArray[np.int64],
    counts: NDArray[np.int64],
    sums: Doubles,
    between: Doubles,
    within: Doubles,
) -> tuple[Doubles, Doubles]:
    """One step of expectation maximisation: both covariances anew.

    In the coordinates in which S_epsilon is 1 and S_mu is diagonal, the expected vector of a class
    with m pictures is their sum times s / (m s + 1), and that is its posterior variance as well.
    """
    variances, into = eigh(between, within)
    out = within @ into  # back from these coordinates
    gains = variances / (counts[:, None] * variances + 1)  # (classes, d)
    own = ((sums @ into) * gains) @ out.T
    rest = centred - own[codes]
    spread = (out * gains.sum(axis=0)) @ out.T
    spread_of_pictures = (out * (gains * counts[:, None]).sum(axis=0)) @ out.T
    return (
        (own.T @ own + spread) / len(counts),
        (rest.T @ rest + spread_of_pictures) / len(centred),
    )
