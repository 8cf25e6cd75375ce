"""How well components and tasks agree."""

from __future__ import annotations

import numpy as np
import pytest

from legion_bench.metrics.knowledge import purity


@pytest.mark.parametrize(
    ("tasks", "components", "expected"),
    [
        ([0, 0, 1, 1], [3, 3, 0, 0], 1.0),
        ([0, 0, 1, 1], [0, 0, 0, 0], 0.5),
        ([0, 0, 0, 1, 1, 2], [0, 0, 0, 0, 1, 1], 4 / 6),
        ([0, 1, 2], [0, 1, 2], 1.0),
        ([5], [0], 1.0),
    ],
)
def test_purity_is_the_share_of_the_commonest_tasks(
    tasks: list[int], components: list[int], expected: float
) -> None:
    assert purity(np.array(tasks), np.array(components)) == pytest.approx(expected)
