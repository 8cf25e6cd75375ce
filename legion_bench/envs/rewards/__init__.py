"""Rewards written once for one and for many slots, one module per kind of object."""

from __future__ import annotations

from legion_bench.envs.rewards.button import BUTTON_PRESS_TOPDOWN
from legion_bench.envs.rewards.door import DOOR_OPEN
from legion_bench.envs.rewards.drawer import DRAWER_CLOSE
from legion_bench.envs.rewards.faucet import FAUCET_CLOSE, FAUCET_OPEN
from legion_bench.envs.rewards.frame import Law
from legion_bench.envs.rewards.hammer import HAMMER
from legion_bench.envs.rewards.handle import HANDLE_PRESS_SIDE
from legion_bench.envs.rewards.peg import PEG_UNPLUG_SIDE
from legion_bench.envs.rewards.pick_place import PICK_PLACE
from legion_bench.envs.rewards.push import PUSH, PUSH_BACK, PUSH_WALL
from legion_bench.envs.rewards.reach import REACH
from legion_bench.envs.rewards.shelf import SHELF_PLACE
from legion_bench.envs.rewards.stick import STICK_PULL
from legion_bench.envs.rewards.window import WINDOW_CLOSE, WINDOW_OPEN

LAWS: dict[str, Law] = {
    "reach-v3": REACH,
    "push-v3": PUSH,
    "pick-place-v3": PICK_PLACE,
    "door-open-v3": DOOR_OPEN,
    "faucet-open-v3": FAUCET_OPEN,
    "drawer-close-v3": DRAWER_CLOSE,
    "button-press-topdown-v3": BUTTON_PRESS_TOPDOWN,
    "peg-unplug-side-v3": PEG_UNPLUG_SIDE,
    "window-open-v3": WINDOW_OPEN,
    "window-close-v3": WINDOW_CLOSE,
    "hammer-v3": HAMMER,
    "push-wall-v3": PUSH_WALL,
    "faucet-close-v3": FAUCET_CLOSE,
    "push-back-v3": PUSH_BACK,
    "stick-pull-v3": STICK_PULL,
    "handle-press-side-v3": HANDLE_PRESS_SIDE,
    "shelf-place-v3": SHELF_PLACE,
}
"""By Meta-World's task name. Tasks without a law are judged by Meta-World's own code."""
