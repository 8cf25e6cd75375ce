"""Our environments against Meta-World's own: ``tox run -e bench``.

Each ratio compares with stock Meta-World on Sawyer, in this process, on this machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import cycle, islice
from typing import Any

import gymnasium
import mujoco
import numpy as np
import pytest
from metaworld.env_dict import ALL_V3_ENVIRONMENTS

from legion_bench.cards import load_stream
from legion_bench.envs.manipulation import ManipulationEnv
from legion_bench.envs.metaworld import Scene, carried_by
from legion_bench.envs.vector import VectorManipulationEnv
from legion_bench.protocols.evaluate import Evaluator

Compare = Callable[..., float]
Run = Callable[[], None]
TASK = "push"
LEGION_TEN = load_stream("kuka-curriculum").tasks
STEPS = 40


class Stock(gymnasium.Env[Any, Any]):
    """Meta-World's own task with the little that Gymnasium's vector environments need."""

    def __init__(self, task: str = TASK) -> None:
        self.env = ALL_V3_ENVIRONMENTS[f"{task}-v3"]()
        self.env._partially_observable, self.env._set_task_called = False, True
        self.env._freeze_rand_vec, self.env.max_path_length = False, 10**9
        self.observation_space, self.action_space = self.env.observation_space, self.env.action_space

    def reset(self, *, seed: Any = None, options: Any = None) -> Any:
        return self.env.reset()

    def step(self, action: Any) -> Any:
        return self.env.step(action)


def actions(*shape: int) -> Iterator[Any]:
    return cycle(np.random.default_rng(0).uniform(-1, 1, (200, *shape, 4)).astype(np.float32))


def stepping(env: Any, *slots: int) -> Run:
    """Return a run of STEPS steps, with a horizon that is never met."""
    env.reset(seed=0)
    chosen = actions(*slots)

    def run() -> None:
        for _ in range(STEPS):
            env.step(next(chosen))

    return run


def vector(task: Any, slots: int, threads: int = 1) -> VectorManipulationEnv:
    return VectorManipulationEnv(task, slots, threads=threads, horizon=10**9)


def test_one_environment(compare: Compare) -> None:
    compare(
        stepping(ManipulationEnv(TASK, horizon=10**9)), stepping(Stock()), ours_steps=STEPS, peer_steps=STEPS
    )


@pytest.mark.parametrize("slots", [1, 4, 16, 64])
def test_slots_against_stock(compare: Compare, slots: int) -> None:
    ours = stepping(vector(TASK, slots), slots)
    compare(ours, stepping(Stock()), ours_steps=STEPS * slots, peer_steps=STEPS)


@pytest.mark.parametrize("task", LEGION_TEN)
def test_sixteen_slots_of_each_of_legions_ten(compare: Compare, task: str) -> None:
    ours = stepping(vector(task, 16), 16)
    compare(ours, stepping(Stock(task)), ours_steps=STEPS * 16, peer_steps=STEPS)


def test_sixteen_slots_judged_by_meta_worlds_own_code(compare: Compare) -> None:
    ours = stepping(vector("soccer", 16), 16)
    compare(ours, stepping(Stock("soccer")), ours_steps=STEPS * 16, peer_steps=STEPS)


@pytest.mark.parametrize("task", LEGION_TEN)
def test_the_most_that_exact_physics_allows(compare: Compare, task: str) -> None:
    """Nothing but MuJoCo on sixteen trajectories, without any Python around it to speak of."""
    _, bare = with_bare_physics(task, 16, forward=True)
    compare(bare, stepping(Stock(task)), ours_steps=STEPS * 16, peer_steps=STEPS)


@pytest.mark.parametrize("forward", [False, True], ids=["mj_step", "mj_step and mj_forward"])
def test_sixty_four_slots_against_mujoco_alone(compare: Compare, forward: bool) -> None:
    ours, bare = with_bare_physics(TASK, 64, forward)
    compare(ours, bare, ours_steps=STEPS * 64, peer_steps=STEPS * 64)


def with_bare_physics(task: str, slots: int, forward: bool) -> tuple[Run, Run]:
    """Return a run of ours, and one of MuJoCo alone on the same trajectories.

    Args:
        task: name.
        slots: how many trajectories, an ``MjData`` each.
        forward: whether each step ends with the forward pass that exactness needs.
    """
    envs = vector(task, slots)
    envs.reset(seed=0)
    engine, _ = envs._engines[0]
    ours_carried, starts = engine._board.carried, engine._board.carried.copy()
    chosen = list(islice(actions(slots), STEPS))
    played = []
    for action in chosen:
        envs.step(action)
        played.append((engine._hands.copy(), engine._efforts.copy()))
    model = engine.scene.model
    datas = [mujoco.MjData(model) for _ in range(slots)]
    carried = [carried_by(data) for data in datas]
    views = [(data, data.mocap_pos[0], data.ctrl) for data in datas]

    def bare() -> None:
        for start, window in zip(starts, carried, strict=True):
            window[:] = start
        for hands, efforts in played:
            for slot, (data, mocap, ctrl) in enumerate(views):
                mocap[:], ctrl[:] = hands[slot], efforts[slot]
                mujoco.mj_step(model, data, 5)
                if forward:
                    mujoco.mj_forward(model, data)

    def ours() -> None:
        ours_carried[:] = starts
        for action in chosen:
            envs.step(action)

    return ours, bare


def test_sixteen_slots_against_gymnasiums_processes(compare: Compare) -> None:
    with closing(gymnasium.vector.AsyncVectorEnv([Stock] * 16)) as peer:
        ours, theirs = stepping(vector(TASK, 16), 16), stepping(peer, 16)
        compare(ours, theirs, ours_steps=STEPS * 16, peer_steps=STEPS * 16)


@pytest.mark.parametrize("slots", [16, 64, 256])
def test_two_threads_against_one(compare: Compare, slots: int) -> None:
    two, one = (stepping(vector(TASK, slots, threads), slots) for threads in (2, 1))
    compare(two, one, ours_steps=STEPS * slots, peer_steps=STEPS * slots)


def test_the_most_that_two_threads_allow(compare: Compare) -> None:
    """MuJoCo alone, a model and an ``MjData`` each: what the machine's cores give at this moment."""
    scenes = [Scene(f"{TASK}-v3", "kuka") for _ in range(2)]
    for scene in scenes:
        scene.start(0)

    def play(scene: Scene, turns: int) -> None:
        for _ in range(turns):
            mujoco.mj_step(scene.model, scene.data, 5)
            mujoco.mj_forward(scene.model, scene.data)

    turns = 64 * STEPS
    with ThreadPoolExecutor(2) as pool:
        compare(
            lambda: list(pool.map(play, scenes, [turns // 2] * 2)),
            lambda: play(scenes[0], turns),
            ours_steps=turns,
            peer_steps=turns,
        )


def test_reset_to_a_known_placement(compare: Compare) -> None:
    env, stock = ManipulationEnv(TASK, placement="pool:8"), Stock()
    env.reset(seed=0)
    for _ in range(60):
        env.reset()
    compare(lambda: [env.reset() for _ in range(100)], stock.reset, ours_steps=100)


def test_reset_to_a_new_placement(compare: Compare) -> None:
    env, stock = ManipulationEnv(TASK, placement="every-episode"), Stock()
    env.reset(seed=0)
    compare(env.reset, stock.reset)


def test_ten_episodes_of_legions_ten_tasks(benchmark: Any) -> None:
    """15,000 steps; nothing in stock Meta-World does this."""
    stream = load_stream("kuka-curriculum")
    chosen = actions(100)
    with closing(Evaluator(stream, 10, seed=0)) as evaluator:
        benchmark.pedantic(lambda: evaluator(lambda *_: next(chosen), 0, None), rounds=3, warmup_rounds=1)


def test_construction(benchmark: Any) -> None:
    benchmark.pedantic(lambda: ManipulationEnv(TASK), rounds=5, warmup_rounds=1)
