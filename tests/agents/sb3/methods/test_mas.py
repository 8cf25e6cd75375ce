"""Memory aware synapses by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from legion_bench.agents.sb3.methods.sensitivity import mean_sensitivity
from tests.conftest import MakeSetup

from .anchored import make, method_of, visit


def test_a_linear_map_by_hand(make_setup: MakeSetup) -> None:
    """|∂ ‖W x‖² / ∂ W[k, i]| is |2 y[k] x[i]|, averaged over samples."""
    agent = make(make_setup("reach"), {"name": "mas"})
    measure = method_of(agent).measure  # type: ignore[attr-defined]
    network = nn.Linear(2, 2, bias=False)
    network.weight.data = torch.tensor([[1.0, -2.0], [0.0, 3.0]])
    inputs = torch.tensor([[1.0, 1.0], [2.0, -1.0]])  # outputs (-1, 3) and (4, -3)

    def outputs(observations: Tensor, _: Tensor) -> Tensor:
        return network(observations).square().sum(1, keepdim=True)

    (found,) = mean_sensitivity(
        network, ["weight"], outputs, (inputs, inputs), lambda gradients: measure("actor", gradients)
    )
    # 2·|y|·|x| of both samples: (2, 2) and (16, 8) in row one, (6, 6) and (12, 6) in row two.
    torch.testing.assert_close(found, torch.tensor([[9.0, 5.0], [9.0, 6.0]]))


@pytest.mark.parametrize("part", ["actor", "critic"])
@pytest.mark.parametrize("algorithm", ["SAC", "TD3"])
def test_an_agents_importances(part: Any, algorithm: str, make_setup: MakeSetup) -> None:
    """Where all samples are the same one, against plain differentiation."""
    setup = make_setup("reach", "push")
    method = {"name": "mas", "samples": 3, "regularize_critic": True}
    agent = make(setup, method, algorithm=algorithm)
    visit(agent, setup.tasks[0], 1)
    learner = method_of(agent).learner
    sample = learner.sample(1)
    if part == "critic":
        lengths = [value**2 for value in learner.values(sample.observations, sample.actions)[0]]
    else:
        mean, log_std = learner.policy(sample.observations)
        mean = mean.tanh() if algorithm == "SAC" else mean
        lengths = [(mean**2).sum() + (log_std**2).sum()]
    shared = learner.shared(part)
    for importance, by in zip(method_of(agent)._importances[part], shared.values(), strict=True):
        expected = torch.zeros_like(by)
        for length in lengths:
            (gradient,) = torch.autograd.grad(length, by, retain_graph=True, allow_unused=True)
            expected += 0 if gradient is None else gradient.abs()
        assert expected.max() > 1e-3
        torch.testing.assert_close(importance, expected, rtol=1e-4, atol=1e-8)
