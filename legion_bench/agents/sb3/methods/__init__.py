"""Continual-learning methods by the names that cards give them."""

from __future__ import annotations

from legion_bench.agents.sb3.methods.agem import Agem
from legion_bench.agents.sb3.methods.base import Method
from legion_bench.agents.sb3.methods.cloning import Cloning
from legion_bench.agents.sb3.methods.ewc import Ewc, OnlineEwc
from legion_bench.agents.sb3.methods.l2 import L2
from legion_bench.agents.sb3.methods.mas import Mas
from legion_bench.agents.sb3.methods.packnet import PackNet

METHODS: dict[str, type[Method]] = {
    "agem": Agem,
    "cloning": Cloning,
    "ewc": Ewc,
    "l2": L2,
    "mas": Mas,
    "online-ewc": OnlineEwc,
    "packnet": PackNet,
}
