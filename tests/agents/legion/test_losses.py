"""LEGION's losses on numbers done by hand, and its policy against torch.distributions."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Normal, TanhTransform, TransformedDistribution

from legion_bench.agents.legion import losses


def test_the_head_is_mean_and_squashed_log_standard_deviation() -> None:
    mean, log_std = losses.gaussian(torch.tensor([[[1.5, -2.5, 3.5, 0.0, 20.0, -20.0]]]))
    assert mean.tolist() == [[[1.5, -2.5, 3.5]]]
    assert log_std.tolist() == [[[-9.0, 2.0, -20.0]]]


def test_squashed_actions_are_torchs(double: None) -> None:
    generator = torch.Generator().manual_seed(0)
    mean, log_std, noise = torch.randn(3, 2, 50, 4, generator=generator)
    actions, log_probs = losses.squashed(mean, log_std, noise)
    squash = TanhTransform(cache_size=1)
    expected = squash(mean + log_std.exp() * noise)
    distribution = TransformedDistribution(Normal(mean, log_std.exp()), [squash])
    torch.testing.assert_close(actions, expected)
    torch.testing.assert_close(log_probs, distribution.log_prob(expected).sum(-1))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_log_probability_holds_where_tanh_rounds_to_one(sign: float) -> None:
    mean = torch.tensor([[[30.0 * sign]]], requires_grad=True)
    actions, log_probs = losses.squashed(mean, torch.zeros(1, 1, 1), torch.zeros(1, 1, 1))
    assert actions.item() == sign
    # log N(x; x, 1) - log(1 - tanh(x)^2), where the latter tends to log 4 - 2 |x|
    expected = -0.5 * math.log(2 * math.pi) - math.log(4) + 60
    assert log_probs.item() == pytest.approx(expected, rel=1e-6)
    log_probs.sum().backward()
    assert mean.grad is not None
    assert mean.grad.item() == pytest.approx(2 * sign)


def test_the_least_spread_has_a_log_probability() -> None:
    log_std = torch.full((1, 1, 4), losses.LOG_STD_RANGE[0])
    _, log_probs = losses.squashed(torch.zeros(1, 1, 4), log_std, torch.ones(1, 1, 4))
    expected = 4 * (-0.5 + 20 - 0.5 * math.log(2 * math.pi))
    assert log_probs.item() == pytest.approx(expected, rel=1e-6)


def test_the_target_takes_the_lesser_critic_and_stops_where_the_task_ends() -> None:
    targets = losses.target(
        rewards=torch.tensor([[1.0, 1.0], [2.0, 3.0]]),
        continues=torch.tensor([[1.0, 0.0], [1.0, 1.0]]),
        values=torch.tensor([[[3.0, 3.0], [2.0, 2.0]], [[4.0, -8.0], [6.0, 0.0]]]),
        log_probs=torch.tensor([[-4.0, -4.0], [2.0, 0.0]]),
        alphas=torch.tensor([[0.1, 0.1], [0.5, 9.0]]),
        gamma=0.5,
    )
    expected = torch.tensor([[1 + 0.5 * (2 + 0.4), 1.0], [2 + 0.5 * (4 - 1.0), 3 + 0.5 * -8.0]])
    torch.testing.assert_close(targets, expected)


def test_critics_losses_are_added() -> None:
    values = torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[0.0, 0.0], [1.0, 3.0]]])
    targets = torch.tensor([[0.0, 1.0], [0.0, 0.0]])
    loss, to_values = losses.critic_loss(values, targets)
    assert loss.tolist() == [1.0 + 9.0, 0.0 + 5.0]
    assert to_values.tolist() == [[[1.0, 1.0], [3.0, 3.0]], [[0.0, 0.0], [1.0, 3.0]]]


def test_the_actor_believes_the_lesser_critic() -> None:
    values = torch.tensor([[[1.0, 5.0], [3.0, 4.0]]])
    loss, to_values, to_log_probs = losses.actor_loss(
        values, torch.tensor([[2.0, -1.0]]), torch.tensor([[0.5, 3.0]])
    )
    assert loss.tolist() == [((1.0 - 1.0) + (-3.0 - 4.0)) / 2]
    assert to_values.tolist() == [[[-0.5, 0.0], [0.0, -0.5]]]
    assert to_log_probs.tolist() == [[0.25, 1.5]]


def test_of_critics_that_agree_one_is_believed() -> None:
    _, to_values, _ = losses.actor_loss(torch.ones(1, 2, 4), torch.zeros(1, 4), torch.ones(1, 4))
    assert to_values.sum(1).tolist() == [[-0.25] * 4]


def test_the_temperature_falls_where_entropy_is_above_its_target() -> None:
    alphas = torch.tensor([[2.0, 1.0]])
    log_probs = torch.tensor([[3.0, 6.0]])  # entropies of -3 and -6
    loss, to_log_alphas = losses.temperature_loss(alphas, log_probs, target_entropy=-4.0)
    torch.testing.assert_close(loss, torch.tensor([-(2 * (3.0 - 4) + 1 * (6.0 - 4)) / 2]))
    torch.testing.assert_close(to_log_alphas, torch.tensor([[1.0, -1.0]]))


@pytest.mark.parametrize("spread", [1.0, 30.0], ids=["in the middle", "at the ends"])
def test_the_gradient_of_an_actors_output_is_autograds(spread: float, double: None) -> None:
    generator = torch.Generator().manual_seed(0)
    head = (spread * torch.randn(2, 3, 8, generator=generator)).requires_grad_()
    noise, to_actions = (torch.randn(2, 3, 4, generator=generator) for _ in range(2))
    to_log_probs = torch.randn(2, 3, generator=generator)
    mean, log_std = losses.gaussian(head)
    actions, log_probs = losses.squashed(mean, log_std, noise)
    (expected,) = torch.autograd.grad((actions * to_actions).sum() + (log_probs * to_log_probs).sum(), head)
    found = losses.squashed_gradient(actions, log_std, noise, to_actions, to_log_probs)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-11)


def test_the_dynamics_loss_is_half_the_mean_square() -> None:
    predicted, observations = (
        torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]),
        torch.tensor([[[0.0, 0.0], [0.0, 1.0]]]),
    )
    assert losses.dynamics_loss(predicted, observations).tolist() == [0.5 * (1 + 4 + 9 + 9) / 4]


def test_the_language_loss_is_a_sum_over_the_batch() -> None:
    decoded, embeddings = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]), torch.tensor([[[0.0, 0.0], [0.0, 1.0]]])
    assert losses.language_loss(decoded, embeddings).tolist() == [1.0 + 4 + 9 + 9]
