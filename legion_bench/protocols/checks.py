"""What an agent returned, or an error that says how it should have been."""

from __future__ import annotations

from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from legion_bench.errors import AgentError
from legion_bench.types import Actions, Agent, Footprint, Knowledge, Metrics, StatefulAgent


def actions(agent: Agent, returned: Any, rows: int) -> Actions:
    """Return the agent's actions [rows, 4] as the environment will execute them."""
    where, shape = f"{type(agent).__name__}.act", (rows, 4)
    try:
        checked = np.asarray(returned, dtype=np.float32)
    except (TypeError, ValueError, OverflowError) as error:
        raise AgentError(f"{where} must return an array of shape {shape}: {error}") from error
    if checked.shape != shape or not np.all(np.abs(checked) <= 1.0):  # False for NaN as well
        what = f"shape {checked.shape}" if checked.shape != shape else str(checked.tolist())
        raise AgentError(f"{where} must return finite actions of shape {shape} in [-1, 1], got {what}")
    return checked


def metrics(agent: Agent, returned: Any) -> Metrics:
    """Return what an update reported, as numbers by name."""
    try:
        return {name: float(value) for name, value in returned.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise AgentError(
            f"{type(agent).__name__}.update must return a mapping of names to numbers,"
            f" {{}} for none, got {returned!r}"
        ) from error


def knowledge(agent: Agent, returned: Any, tasks: int) -> Knowledge | None:
    """Return what ``end_task`` handed over, its arrays of the right types.

    Args:
        agent: for its name.
        returned: None or :class:`~legion_bench.types.Knowledge`.
        tasks: how many distinct tasks the stream has.
    """
    where = f"{type(agent).__name__}.end_task"
    if returned is None:
        return None
    if not isinstance(returned, Knowledge):
        raise AgentError(f"{where} must return Knowledge or None, got {type(returned).__name__}")
    latents = _array(where, "latents", returned.latents, np.float32, (None, None))
    samples, size = latents.shape
    means = _array(where, "means", returned.means, np.float64, (None, size))
    count = len(means)
    checked = Knowledge(
        latents=latents,
        tasks=_array(where, "tasks", returned.tasks, np.int64, (samples,)),
        components=_array(where, "components", returned.components, np.int64, (samples,)),
        means=means,
        variances=_array(where, "variances", returned.variances, np.float64, (count, size)),
        weights=_array(where, "weights", returned.weights, np.float64, (count,)),
    )
    for name, values, limit in (("tasks", checked.tasks, tasks), ("components", checked.components, count)):
        if not ((values >= 0) & (values < limit)).all():
            raise AgentError(f"{where}: {name} must be in [0, {limit}), got {values.min()} to {values.max()}")
    return checked


def footprint(agent: Agent) -> Footprint | None:
    """Ask an agent what it costs; None if it has no such method."""
    ask = getattr(agent, "footprint", None)
    if ask is None:
        return None
    where, returned = f"{type(agent).__name__}.footprint", ask()
    if not isinstance(returned, Footprint):
        raise AgentError(f"{where} must return a Footprint, got {type(returned).__name__}")
    for name in returned.__struct_fields__:
        value = getattr(returned, name)
        if not (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
            raise AgentError(f"{where}: {name} must be an integer from 0, got {value!r}")
    return returned


def is_stateful(agent: Agent) -> TypeGuard[StatefulAgent]:
    """Return whether the agent's runs can be resumed."""
    methods = [getattr(agent, name, None) for name in ("state_dict", "load_state_dict")]
    # Those that an agent inherits from torch.nn.Module know of its weights alone.
    return all(
        callable(method) and not str(getattr(method, "__module__", "")).startswith("torch.")
        for method in methods
    )


def _array(where: str, name: str, value: Any, dtype: Any, shape: tuple[int | None, ...]) -> NDArray[Any]:
    """Return finite numbers of a shape, where None stands for any length from 1."""
    try:
        given = np.asarray(value)
        array = given.astype(dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise AgentError(f"{where}: {name} must be an array of numbers: {error}") from error
    fits = array.ndim == len(shape) and all(
        (found >= 1) if asked is None else found == asked
        for found, asked in zip(array.shape, shape, strict=True)
    )
    if not fits:
        asked = ", ".join("≥ 1" if length is None else str(length) for length in shape)
        raise AgentError(f"{where}: {name} must have shape ({asked}), got {array.shape}")
    if not np.isfinite(given.astype(np.float64)).all() or (dtype is np.int64 and (array != given).any()):
        kind = "whole" if dtype is np.int64 else "finite"
        raise AgentError(f"{where}: {name} must hold {kind} numbers")
    return array
