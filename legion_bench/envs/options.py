"""What every environment can be asked for, checked in one place."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from numbers import Integral
from typing import Any, Literal, TypedDict, get_args

from legion_bench.cards import ROBOTS, Observation, Reward, Robot, StreamCard, TaskCard
from legion_bench.errors import CardError, unknown

Split = Literal["training", "evaluation"]
RenderMode = Literal["human", "rgb_array", "depth_array"]
RENDER_MODES: tuple[str, ...] = get_args(RenderMode)
# Beyond it, drivers fail in ways of their own.
_LARGEST = 4096


class Asked(TypedDict, total=False):
    """Keyword arguments of every environment; see :class:`Options` for their meaning."""

    robot: Robot
    observation: Observation
    reward: Reward
    horizon: int
    placement: str
    split: Split
    terminate_on_success: bool
    render_mode: RenderMode | None
    render_size: int


@dataclass(frozen=True, slots=True)
class Options:
    """The options of an environment, all known to be valid."""

    robot: Robot = "kuka"
    observation: Observation = "legion-12"
    """``"legion-12"`` or ``"metaworld-39"``."""
    reward: Reward = "v2"
    """``"v2"`` in [0, 10], ``"v1"`` (older, unbounded), or ``"legion"``: v1 divided by
    its running standard deviation."""
    horizon: int = 150
    """Environment steps after which an episode is truncated."""
    placement: str = "fixed"
    """``"fixed"``, ``"pool:N"`` or ``"every-episode"``."""
    split: Split = "training"
    """Which placements are drawn; those for training and for evaluation never mix."""
    terminate_on_success: bool = False
    render_mode: RenderMode | None = None
    render_size: int = 480
    """Height and width of frames, pixels."""

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            CardError: an unknown robot, observation, reward, placement, split or render
                mode, with the nearest match.
            ValueError: a horizon or a size that is no whole number from 1.
        """
        _check("robot", self.robot, ROBOTS)
        _check("observation", self.observation, get_args(Observation))
        _check("reward", self.reward, get_args(Reward))
        _check("split", self.split, get_args(Split))
        if self.render_mode is not None:
            _check("render_mode", self.render_mode, RENDER_MODES)
        if not (isinstance(self.placement, str) and re.fullmatch(r"pool:[1-9]\d*", self.placement)):
            if str(self.placement).startswith("pool"):
                raise CardError(f"placement {self.placement!r}: a pool needs its size, e.g. 'pool:50'")
            _check("placement", self.placement, ("fixed", "every-episode", "pool:N"))
        if not isinstance(self.terminate_on_success, bool):
            raise ValueError(f"terminate_on_success must be True or False, got {self.terminate_on_success!r}")
        check_count("horizon", self.horizon, "steps")
        check_count("render_size", self.render_size, "pixels")
        if self.render_size > _LARGEST:
            raise ValueError(f"render_size must be at most {_LARGEST} pixels, got {self.render_size}")

    @property
    def pool(self) -> int | None:
        """Size of the pool of placements; None for the other rules."""
        return int(self.placement.removeprefix("pool:")) if self.placement.startswith("pool:") else None


def options_for(task: TaskCard, asked: Asked) -> Options:
    """Return a task's options: what was asked for, else its card's defaults.

    Raises:
        CardError: an option that does not exist, with its nearest match.
    """
    return _options({"horizon": task.horizon, "placement": task.placement, **asked})


def stream_options(stream: StreamCard, asked: Asked) -> Options:
    """Return the options of a stream's environments; ``asked`` overrides the card."""
    of_card = {field.name for field in fields(Options)} & set(stream.__struct_fields__)
    return _options({**{name: getattr(stream, name) for name in of_card}, **asked})


def check_count(what: str, value: object, unit: str) -> None:
    """Raise ValueError unless ``value`` is a whole number from 1."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{what} must be a whole number of {unit} from 1, got {value!r}")


def _options(values: dict[str, Any]) -> Options:
    known = [field.name for field in fields(Options)]
    for name in values:
        if name not in known:
            raise CardError(unknown("option", name, known))
    return Options(**values)


def _check(kind: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        raise CardError(unknown(kind, str(value), known))
