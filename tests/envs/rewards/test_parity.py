"""Our rewards against Meta-World's own, as floats and as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np
import pytest
from metaworld.env_dict import ALL_V3_ENVIRONMENTS
from metaworld.policies import ENV_POLICY_MAP
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation as ScipyRotation

from legion_bench.envs.rewards import LAWS
from legion_bench.envs.rewards.arithmetic import Arrays, Floats, Point
from legion_bench.envs.rewards.frame import Frame, Law, Probe, Rotation

STEPS = 150
SCATTERED = 800


@dataclass
class Verdict:
    """Meta-World's own judgement of one frame."""

    frame: Frame
    v2: float
    v1: float
    success: float


def _point(values: Any) -> Point:
    return Point(*(float(value) for value in values))


def _probe(task: Any, probe: Probe) -> Point:
    return _point(getattr(task.data, probe.kind)(probe.name).xpos + np.array(probe.offset))


def _quaternion(task: Any, rotation: Rotation | None) -> tuple[float, float, float, float]:
    if rotation is None:
        return (0.0, 0.0, 0.0, 0.0)
    where = getattr(task.data, rotation.kind)(rotation.name)
    if rotation.source == "quaternion":
        a, b, c, d = where.xquat
    else:
        a, b, c, d = ScipyRotation.from_matrix(where.xmat.reshape(3, 3)).as_quat()
    return float(a), float(b), float(c), float(d)


def _constant(value: Any) -> Any:
    return _point(value) if np.ndim(value) else float(value)


def _frame(task: Any, law: Law, observation: Any, action: Any) -> Frame:
    """Read one step from a stock task, for the float arithmetic."""
    reading = law.reading
    x, y, z, grip = (float(value) for value in action)
    return Frame(
        m=Floats(),
        action=(x, y, z, grip),
        hand=_point(observation[:3]),
        opening=float(observation[3]),
        object1=_probe(task, reading.object1),
        object2=None if reading.object2 is None else _probe(task, reading.object2),
        target=_point(task._target_pos),
        tcp=_point(task.tcp_center),
        left_pad=_point(task.get_body_com("leftpad")),
        right_pad=_point(task.get_body_com("rightpad")),
        points={name: _probe(task, probe) for name, probe in reading.points.items()},
        constants={name: _constant(getattr(task, name)) for name in reading.constants},
        joints={name: task.data.joint(joint).qpos.item() for name, joint in reading.joints.items()},
        quaternion1=_quaternion(task, reading.rotation1 if law.reads_quaternion else None),
    )


def _stack(frames: list[Frame]) -> Frame:
    """Put frames side by side, for the array arithmetic."""

    def join(values: list[Any]) -> Any:
        first = values[0]
        if first is None:
            return None
        if isinstance(first, dict):
            return {key: join([value[key] for value in values]) for key in first}
        if isinstance(first, tuple):
            parts = [join(list(part)) for part in zip(*values, strict=True)]
            return Point(*parts) if isinstance(first, Point) else tuple(parts)
        return np.array(values)

    fields = [name for name in Frame.__slots__ if name != "m"]
    return Frame(m=Arrays(), **{f: join([getattr(frame, f) for frame in frames]) for f in fields})


def _stock(name: str) -> Any:
    task = ALL_V3_ENVIRONMENTS[name]()
    task._partially_observable = False
    del task.sawyer_observation_space
    task._set_task_called = True
    return task


def _start(task: Any, rng: np.random.Generator) -> NDArray[np.float64]:
    """Begin an episode at a random placement; return the observation."""
    task._freeze_rand_vec, task.seeded_rand_vec, task.np_random = False, True, rng
    task.reset_model()
    task._freeze_rand_vec = True
    observation: NDArray[np.float64] = task.reset()[0]
    return observation


def _judge(task: Any, law: Law, observation: Any, action: Any) -> Verdict:
    v2, info = task.evaluate_state(observation, action)
    task.reward_function_version = "v1"
    v1 = task.compute_reward(action, observation)[0]
    task.reward_function_version = "v2"
    return Verdict(_frame(task, law, observation, action), v2, v1, info["success"])


def _assert_law_agrees(law: Law, verdicts: list[Verdict]) -> None:
    frames = [verdict.frame for verdict in verdicts]
    expected = {name: [getattr(verdict, name) for verdict in verdicts] for name in ("v2", "v1", "success")}
    one_by_one = [law.v2(frame) for frame in frames]
    together = _stack(frames)
    rewards, solved = law.v2(together)
    for v2, success, v1 in (
        ([reward for reward, _ in one_by_one], [s for _, s in one_by_one], [law.v1(f) for f in frames]),
        (rewards, solved, law.v1(together)),
    ):
        np.testing.assert_allclose(v2, expected["v2"], rtol=0, atol=1e-10)
        np.testing.assert_array_equal(np.asarray(success, dtype=float), expected["success"])
        np.testing.assert_allclose(v1, expected["v1"], rtol=1e-12, atol=1e-9)


def _assert_reading_agrees(task: Any, law: Law) -> None:
    reading = law.reading
    positions, quaternions = [_probe(task, reading.object1)], [_quaternion(task, reading.rotation1)]
    if reading.object2 is not None:
        positions.append(_probe(task, reading.object2))
        quaternions.append(_quaternion(task, reading.rotation2))
    np.testing.assert_allclose(np.ravel(positions), task._get_pos_objects(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.ravel(quaternions), task._get_quat_objects(), rtol=0, atol=1e-9)


@pytest.mark.filterwarnings("ignore:Constant")  # policies say that what they return is clipped
@pytest.mark.parametrize("name", LAWS)
def test_rewards_success_and_readings_equal_meta_worlds(name: str) -> None:
    task, law, rng = _stock(name), LAWS[name], np.random.default_rng(0)
    policy: Any = ENV_POLICY_MAP[name]()  # type: ignore[abstract]
    verdicts = []
    for scripted in (True, True, False):
        observation = _start(task, rng)
        for _ in range(STEPS):
            action = policy.get_action(observation) if scripted else rng.uniform(-1, 1, 4)
            # With a float32 action Meta-World's own arithmetic keeps but seven digits.
            action = np.clip(action, -1, 1).astype(np.float32).astype(np.float64)
            observation, *_ = task.step(action)
            verdicts.append(_judge(task, law, observation, action))
            _assert_reading_agrees(task, law)
    _assert_law_agrees(law, verdicts)


def _place(task: Any, probe: Probe, position: Any) -> None:
    getattr(task.data, probe.kind)(probe.name).xpos[:] = np.asarray(position) - probe.offset


def _scatter(task: Any, law: Law, rng: np.random.Generator) -> None:
    """Put things where no policy brings them, dense where rewards change their mind."""
    data, reading = task.data, law.reading
    scale = 10 ** rng.uniform(-3.5, -1)

    def around(position: Any) -> NDArray[np.float64]:
        noise: NDArray[np.float64] = rng.normal(0, scale, 3)
        return np.asarray(position) + noise

    data.xmat[:] = ScipyRotation.random(rng=rng).as_matrix().ravel()
    data.xquat += rng.normal(0, 0.05, data.xquat.shape)
    near_target = task._target_pos + rng.uniform(-0.25, 0.25, 3)
    spots = [_probe(task, reading.object1), task._target_pos, near_target, task.tcp_center]
    if law.reads_quaternion:
        x, y, *_ = _quaternion(task, reading.rotation1)
        spots.append((y, x, y))
    spot = around(spots[rng.integers(len(spots))])
    _place(task, reading.object1, spot)
    second = around(task._target_pos if rng.random() < 0.5 else spot)
    if reading.object2 is not None:
        _place(task, reading.object2, second)
    for probe in reading.points.values():
        _place(task, probe, around(second))

    grasp = around(spot) if rng.random() < 0.8 else task.tcp_center
    width = max(rng.uniform(-0.01, 0.06), 0.0)
    for side, finger in ((1, "left"), (-1, "right")):
        data.site(f"{finger}EndEffector").xpos[:] = around(grasp)
        data.body(f"{finger}pad").xpos[:] = spot + rng.normal(0, 0.01, 3) + (0, side * width, 0)
        data.body(f"{finger}claw").xpos[:] = grasp + np.array([0, side * width, 0])
    data.body("hand").xpos[:] = around(grasp)
    for joint in reading.joints.values():
        low, high = task.model.joint(joint).range
        data.joint(joint).qpos = rng.uniform(low, high)
    for site, position in task._target_site_config:
        task._set_pos_site(site, position)


@pytest.mark.parametrize("name", LAWS)
def test_rewards_and_success_equal_meta_worlds_where_no_policy_goes(name: str) -> None:
    task, law, rng = _stock(name), LAWS[name], np.random.default_rng(0)
    space = task.sawyer_observation_space
    verdicts = []
    for i in range(SCATTERED):
        if i % 200 == 0:
            _start(task, rng)
            positions = task.data.qpos.copy()
        task.data.qpos[:] = positions
        mujoco.mj_forward(task.model, task.data)
        _scatter(task, law, rng)
        observation = np.clip(task._get_obs(), space.low, space.high)
        verdicts.append(_judge(task, law, observation, rng.uniform(-1.2, 1.2, 4)))
    _assert_law_agrees(law, verdicts)
