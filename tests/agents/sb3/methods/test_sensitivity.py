"""Gradients sample by sample, all at once, against one at a time."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from legion_bench.agents.sb3.methods import sensitivity
from legion_bench.agents.sb3.methods.sensitivity import mean_sensitivity
from tests.conftest import MakeSetup

from .anchored import ALGORITHMS, make, visit


@pytest.mark.parametrize("limit", [1, 100, 2**22])
@pytest.mark.parametrize("measure", [lambda g: g.square().sum(1), lambda g: g.abs().amax(1)])
def test_against_one_at_a_time(limit: int, measure: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensitivity, "_LIMIT", limit)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2))
    samples = torch.randn(7, 3), torch.randn(7, 2)

    def outputs(inputs: Tensor, shift: Tensor) -> Tensor:
        return (network(inputs) + shift).square()

    names = ["0.weight", "2.bias"]
    found = mean_sensitivity(network, names, outputs, samples, measure)
    for name, importance in zip(names, found, strict=True):
        rows = []
        for row in range(7):
            one = outputs(samples[0][row : row + 1], samples[1][row : row + 1])[0]
            by = network.get_parameter(name)
            gradients = [torch.autograd.grad(value, by, retain_graph=True)[0] for value in one]
            rows.append(measure(torch.stack(gradients)[None])[0])
        torch.testing.assert_close(importance, torch.stack(rows).mean(0))
    assert all(parameter.grad is None for parameter in network.parameters())


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("name", ["ewc", "mas"])
def test_measuring_changes_nothing_of_the_model(algorithm: str, name: str, make_setup: MakeSetup) -> None:
    setup = make_setup("reach", "push")
    agent = make(setup, {"name": name, "regularize_critic": True}, algorithm=algorithm)
    visit(agent, setup.tasks[0], end=False)
    policy = agent.model.policy
    before = {name: value.clone() for name, value in policy.state_dict().items()}
    gradients = [None if value.grad is None else value.grad.clone() for value in policy.parameters()]
    agent.end_task(setup.tasks[0])
    for name, value in policy.state_dict().items():
        assert torch.equal(value, before[name])
    for value, gradient in zip(policy.parameters(), gradients, strict=True):
        assert value.requires_grad
        assert (value.grad is None) == (gradient is None)
        assert value.grad is None or torch.equal(value.grad, gradient)
