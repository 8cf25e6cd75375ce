"""How well the components that an agent found agree with the tasks it was taught."""

from __future__ import annotations

import numpy as np

from legion_bench.types import Ints


def purity(tasks: Ints, components: Ints) -> float:
    """Return the share of samples that come from the commonest task of their component, in (0, 1].

    One component for all gives the commonest task's share; one for each sample gives 1,
    so read it beside the number of components.

    Args:
        tasks: [M] identity of the task that each sample came from, M from 1.
        components: [M] the component that each sample belongs to.
    """
    commonest = [
        np.unique(tasks[components == component], return_counts=True)[1].max()
        for component in np.unique(components)
    ]
    return float(sum(commonest) / len(tasks))
