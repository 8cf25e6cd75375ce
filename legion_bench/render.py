"""Pictures of an agent at work."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
from numpy.typing import NDArray

from legion_bench import agents, cards
from legion_bench.cards import StreamCard
from legion_bench.errors import LegionBenchError, RenderError, extra
from legion_bench.seeding import check_seed

FORMATS = (".png", ".gif", ".mp4")
# A step lasts 12.5 ms; every second frame, 40 a second, looks smooth in real time.
_EVERY = 2
_FRAME_MS = 25


def render(agent: str, task: str, out: Path, seed: int = 0, size: int = 480) -> Path:
    """Write an episode of a freshly built agent to ``out``, or its first frame if a PNG.

    Args:
        agent: as for a run.
        task: task card name.
        out: a ``.png``, ``.gif`` or ``.mp4`` file.
        seed: decides placement and agent.
        size: height and width in pixels.

    Raises:
        RenderError: another kind of file, no working renderer, or no video encoder.
    """
    if out.suffix.lower() not in FORMATS:
        raise RenderError(f"cannot write {out.name}: the file must end in {', '.join(FORMATS)}")
    stream = StreamCard(name=task, title=task, robot="kuka", tasks=(task,), steps_per_task=150)
    cards.load_task(task)
    check_seed(seed)
    frames = _episode(agent, stream, seed, size, still=out.suffix.lower() == ".png")
    out.parent.mkdir(parents=True, exist_ok=True)
    _write(out, frames)
    return out


def _episode(agent: str, stream: StreamCard, seed: int, size: int, *, still: bool) -> list[NDArray[np.uint8]]:
    card = agents.resolve(agent)
    with explained():  # MuJoCo looks for OpenGL as early as its import
        from legion_bench.envs.stream import StreamEnv
        from legion_bench.launch import build_agent

        env = StreamEnv(stream, render_mode="rgb_array", render_size=size)
        observation, _ = env.reset(seed=seed)
        frames: list[Any] = [env.render()]
    learner = build_agent(card, stream, seed)
    for step in range(0 if still else stream.horizon):
        action = learner.act(observation[None], np.array([0]), explore=False)[0]
        observation, *_ = env.step(action)
        if step % _EVERY == 1:
            frames.append(env.render())
    env.close()
    return frames


@contextmanager
def explained() -> Iterator[None]:
    """Turn whatever drawing raises into a RenderError that says what to do."""
    try:
        yield
    except LegionBenchError:
        raise
    except Exception as error:  # each OpenGL backend fails in a way of its own
        raise RenderError(
            f"rendering failed with MUJOCO_GL={os.environ.get('MUJOCO_GL')}: {error}; "
            "`legion-bench doctor` says what to install"
        ) from error


def _write(out: Path, frames: list[NDArray[np.uint8]]) -> None:
    if out.suffix.lower() == ".png":
        iio.imwrite(out, frames[0])
    elif out.suffix.lower() == ".gif":
        iio.imwrite(out, frames, duration=_FRAME_MS, loop=0)
    else:
        try:
            iio.imwrite(out, frames, fps=1000 // _FRAME_MS, codec="libx264")
        except (ImportError, OSError, ValueError) as error:
            raise RenderError(f"cannot write {out.name}: {extra('video')}; or write a GIF") from error
