"""L2: every parameter alike, once for each task."""

from __future__ import annotations

import torch

from tests.conftest import MakeSetup

from .anchored import make, method_of, parameters, visit


def test_importance_is_the_number_of_tasks_and_the_anchor_the_latest(make_setup: MakeSetup) -> None:
    setup = make_setup("reach", "push", "door-open")
    agent = make(setup, {"name": "l2", "coefficient": 1e-3})
    for number, task in enumerate(setup.tasks, start=1):
        visit(agent, task)
        method = method_of(agent)
        assert [float(value) for value in method._importances["actor"]] == [number] * 2
        shared = parameters(agent)
        assert all(map(torch.equal, method._anchors["actor"], shared.values()))


def test_the_gradient_by_hand(make_setup: MakeSetup) -> None:
    """Two tasks, coefficient 0.5, one away from the anchor: 2 · 0.5 · 2 · 1."""
    setup = make_setup("reach", "push")
    agent = make(setup, {"name": "l2", "coefficient": 0.5})
    for task in setup.tasks:
        visit(agent, task)
    method = method_of(agent)
    for value in method.learner.shared("actor").values():
        value.data += 1.0
        value.grad = torch.full_like(value, 3.0)
    method.on_gradients("actor")
    for value in method.learner.shared("actor").values():
        assert value.grad is not None
        torch.testing.assert_close(value.grad, torch.full_like(value, 5.0), rtol=1e-5, atol=0)
