"""Frames, each made in a process that chose EGL before MuJoCo loaded."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from tests.helpers import python

pytestmark = pytest.mark.needs_rendering

SETUP = """
import warnings
import gymnasium
import numpy as np
from gymnasium.utils.env_checker import check_env
from legion_bench.cards import StreamCard
from legion_bench.envs.manipulation import ManipulationEnv
from legion_bench.envs.stream import StreamEnv

warnings.simplefilter("error")
warnings.filterwarnings("ignore", ".*A Box observation space (minimum|maximum) value is -?infinity")

def make(task, size=48):
    env = ManipulationEnv(task, render_mode="rgb_array", render_size=size)
    env.reset(seed=0)
    return env
"""


def check(code: str) -> None:
    done = python("-c", SETUP + code, MUJOCO_GL="egl")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["KukaReach", "KukaSmoke"])
def test_gymnasiums_checker_finds_nothing(name: str) -> None:
    check(f"""
env = gymnasium.make("legion_bench:LegionBench/{name}-v0", render_mode="rgb_array", render_size=32)
check_env(env.unwrapped, skip_render_check=True)
""")


def test_a_frame_has_the_size_asked_for_and_shows_something() -> None:
    check("""
for size in (32, 64):
    frame = make("drawer-close", size).render()
    assert frame.shape == (size, size, 3), frame.shape
    assert frame.dtype == np.uint8
    assert frame.std() > 20, frame.std()
""")


def test_depths_have_the_size_asked_for_and_lie_within_0_and_1() -> None:
    check("""
env = ManipulationEnv("reach", render_mode="depth_array", render_size=40)
env.reset(seed=0)
depths = env.render()
assert depths.shape == (40, 40) and depths.dtype == np.float32
assert 0 < depths.min() < depths.max() <= 1
""")


@pytest.mark.skipif(shutil.which("xvfb-run") is None, reason="needs a display; on Debian: apt install xvfb")
def test_a_window_opens_and_follows_the_episode() -> None:
    code = """
import numpy as np
from legion_bench.envs.manipulation import ManipulationEnv
env = ManipulationEnv("reach", render_mode="human", render_size=64)
env.reset(seed=0)
env.step(np.zeros(4))
assert env.render() is None
env.close()
"""
    done = subprocess.run(
        ["xvfb-run", "-a", sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_rendering_changes_nothing() -> None:
    """Least of all what the solver starts from."""
    check("""
seen, unseen = make("push"), ManipulationEnv("push")
unseen.reset(seed=0)
for action in np.random.default_rng(0).uniform(-1, 1, (60, 4)):
    seen.render()
    assert np.array_equal(seen.step(action)[0], unseen.step(action)[0])
""")


def test_each_slot_has_its_picture() -> None:
    check("""
from legion_bench.envs.vector import VectorManipulationEnv
envs = VectorManipulationEnv(["push", "push", "reach"], render_mode="rgb_array", render_size=48)
envs.reset(seed=[1, 0, 0])
frames = envs.render()
single = make("push")
assert len(frames) == 3
assert np.array_equal(frames[1], single.render())
assert not np.array_equal(frames[0], frames[1])
""")


def test_a_frame_shows_that_the_hand_has_moved() -> None:
    check("""
env = make("reach")
before = env.render()
assert np.array_equal(env.render(), before)
for _ in range(20):
    env.step(np.array([1, 0, 1, 0]))
assert not np.array_equal(env.render(), before)
""")


def test_two_environments_do_not_paint_over_each_other() -> None:
    check("""
one = make("drawer-close")
alone = one.render()
two = make("door-open")
two.render()
assert np.array_equal(one.render(), alone)
""")


def test_closing_one_environment_leaves_the_others_sight() -> None:
    check("""
one, two = make("drawer-close"), make("door-open")
alone = one.render()
two.render()
two.close()
assert np.array_equal(one.render(), alone)
""")


def test_a_stream_shows_a_task_again_as_it_was_the_first_time() -> None:
    check("""
card = StreamCard(name="s", title="T", robot="kuka", tasks=("reach", "door-open", "reach"), steps_per_task=1)
env = StreamEnv(card, render_mode="rgb_array", render_size=48)
frames = []
for seed in (0, None, None):
    env.reset(seed=seed)
    frames.append(env.render())
    env.step(np.zeros(4))
assert np.array_equal(frames[0], frames[2])
assert not np.array_equal(frames[0], frames[1])
""")


def test_closing_leaves_nothing_for_the_interpreters_exit_to_complain_of() -> None:
    done = python("-c", SETUP + 'env = make("reach"); env.render(); env.close()', MUJOCO_GL="egl")
    assert done.stderr == ""
