"""Every task in a picture and a few lines: the page ``docs/tasks/README.md``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from numpy.typing import NDArray

from legion_bench import cards, render
from legion_bench.cards import ROBOTS
from legion_bench.envs import env_id
from legion_bench.types import Floats

PAGE = "README.md"
SIZE = 240
SEED = 0
# The streams whose ten tasks are marked, by what the page calls them.
STREAMS = {"LEGION": "kuka-curriculum", "Continual World": "kuka-cw10"}
_QUALITY = 85
# Frames are drawn this many times larger: averaging smooths the edges.
_FINER = 2


def write(out: Path, tasks: Sequence[str], size: int = SIZE) -> Iterator[Path]:
    """Draw tasks on KUKA and write their page; yield each file when it is there, the page last.

    Args:
        out: folder, made if need be.
        tasks: task card names.
        size: height and width of the pictures in pixels.

    Raises:
        RenderError: no working renderer.
    """
    out.mkdir(parents=True, exist_ok=True)
    objects = {}
    for task in tasks:
        picture, objects[task] = draw(task, size)
        path = out / f"{task}.jpg"
        iio.imwrite(path, picture, quality=_QUALITY)
        yield path
    path = out / PAGE
    path.write_text(page(objects), encoding="utf-8")
    yield path


def draw(task: str, size: int = SIZE) -> tuple[NDArray[np.uint8], int]:
    """Return a picture [size, size, 3] of a task's start on KUKA, and its number of objects."""
    with render.explained():  # MuJoCo looks for OpenGL as early as its import
        from legion_bench.envs.manipulation import ManipulationEnv

        env = ManipulationEnv(
            task, robot="kuka", observation="metaworld-39", render_mode="rgb_array", render_size=_FINER * size
        )
    observation, _ = env.reset(seed=SEED)
    with render.explained():
        frame = env.render()
    env.close()
    assert frame is not None
    blocks = frame.reshape(size, _FINER, size, _FINER, 3)
    return blocks.mean(axis=(1, 3)).round().astype(np.uint8), count_objects(observation)


def count_objects(observation: Floats) -> int:
    """Return how many objects an observation [39] tells of: 1 or 2."""
    return 1 + bool(observation[11:18].any())


def page(objects: Mapping[str, int]) -> str:
    """Return the page's Markdown.

    Args:
        objects: task → its number of objects, in the order of the page.
    """
    lines = [
        "# Tasks",
        "",
        f"All {len(objects)} tasks of Meta-World v3, each on two robots. The pictures show the KUKA at the",
        f"start of an episode with seed {SEED}; a goal, where the scene shows it, is a small coloured ball.",
        "Below a task's Gymnasium ids stand its instruction and three [paraphrases](../language.md). A",
        "*vectorised* reward is computed over all slots of a vector environment at once, the others by",
        "Meta-World's own code, slot by slot; both are [compared](../environments.md#exactness) with",
        "Meta-World, step by step.",
        "",
    ]
    for name, stream in STREAMS.items():
        links = ", ".join(f"[{task}](#{task})" for task in cards.load_stream(stream).tasks)
        lines += [f"**{name}'s ten**, in its order: {links}.", ""]
    lines += ["This page is made by `legion-bench gallery`.", "", "| start | task |", "| --- | --- |"]
    lines += [entry(task, count) for task, count in objects.items()]
    return "\n".join(lines) + "\n"


def entry(task: str, objects: int) -> str:
    """Return a task's row of the page's table."""
    from legion_bench.envs.rewards import LAWS

    card = cards.load_task(task)
    facts = [
        "1 object" if objects == 1 else f"{objects} objects",
        "vectorised reward" if card.scene in LAWS else "Meta-World's own reward",
        *(name for name, stream in STREAMS.items() if task in cards.load_stream(stream).tasks),
    ]
    lines = [
        f'<a id="{task}"></a>**{task}** · {" · ".join(facts)}',
        *(f"`{env_id(f'{robot}-{task}')}`" for robot in ROBOTS),
        f"“{card.instruction}”",
        *(f"*{paraphrase}*" for paraphrase in card.paraphrases),
    ]
    return f"| ![{task}]({task}.jpg) | {'<br>'.join(lines)} |"
