"""LEGION on our runner (Meng et al. 2025, Nature Machine Intelligence).

The agent keeps time and memory: when to act at random, to update, to fit the mixture.
The mathematics is in the modules beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from legion_bench import language
from legion_bench.agents.legion import knowledge
from legion_bench.agents.legion.config import LegionConfig, checked
from legion_bench.agents.legion.learner import Learner
from legion_bench.agents.legion.mixture import Components, Mixture, MixtureError
from legion_bench.agents.legion.rendezvous import Rendezvous
from legion_bench.agents.parameters import offset
from legion_bench.errors import AgentError, CardError, LanguageError
from legion_bench.scaling import RunningScale
from legion_bench.seeding import derive
from legion_bench.types import (
    Actions,
    AgentSetup,
    Floats,
    Footprint,
    Ints,
    Knowledge,
    Metrics,
    TaskInfo,
    Transitions,
)


class LegionAgent:
    """One seed of LEGION; several may share a learner, see :meth:`stack`."""

    packages = ("bnpy",)
    """What its results depend on besides this package's requirements."""

    def __init__(self, setup: AgentSetup, **parameters: Any) -> None:
        """Build the agent.

        Args:
            setup: spaces, tasks and seed.
            **parameters: the fields of :class:`~legion_bench.agents.legion.config.LegionConfig`.

        Raises:
            CardError: a wrong parameter, or a memory larger than the machine's.
            MixtureError: the engine is not installed.
            LanguageError: an instruction that nobody has embedded, and no encoder is installed.
        """
        config = checked(parameters)
        learner = _learner(config, [setup])
        self._begin(setup, config, learner, 0, Rendezvous(1))

    @classmethod
    def stack(cls, setups: Sequence[AgentSetup], **parameters: Any) -> list[LegionAgent]:
        """Return an agent per setup, which learn in one batched update.

        The setups differ in their seeds alone. Each agent is to be run in a thread of its
        own: an update waits until all of them ask for it.

        Raises:
            LegionBenchError: as when building one.
        """
        config = checked(parameters)
        learner, meeting = _learner(config, setups), Rendezvous(len(setups))
        agents = []
        for seed, setup in enumerate(setups):
            agent = cls.__new__(cls)
            agent._begin(setup, config, learner, seed, meeting)
            agents.append(agent)
        return agents

    def _begin(
        self, setup: AgentSetup, config: LegionConfig, learner: Learner, seed: int, meeting: Rendezvous
    ) -> None:
        self.config, self._setup = config, setup
        self._learner, self._seed, self._meet = learner, seed, meeting
        self._offset = offset(config.observation_offset, setup)
        tasks = len({task.index for task in setup.tasks})
        self._scale = RunningScale(tasks) if config.reward_scale == "running-std" else None
        self._slots = np.eye(tasks, dtype=bool)
        # Actions at random, and what a fit is made from; updates have their own.
        self._random = {
            use: torch.Generator().manual_seed(derive(setup.seed, use)) for use in ("uniform", "fit")
        }
        self._mixture: Mixture | None = None
        self._fits = 0
        self._visit_steps = 0

    def begin_task(self, task: TaskInfo) -> None:
        """Reset what the card says, from the second visit on."""
        self._visit_steps = 0
        if task.position > 0 and self.config.reset:
            self._meet(lambda: self._learner.reset(self.config.reset, task.position))
            if "mixture" in self.config.reset:
                self._take_over(None)

    def act(self, observations: Floats, tasks: Ints, *, explore: bool) -> Actions:
        """Return actions [N, 4]; uniform at random in a visit's first steps."""
        if explore and self._visit_steps < self.config.learning_starts:
            actions = torch.rand(len(observations), 4, generator=self._random["uniform"]) * 2 - 1
        else:
            scaled = torch.from_numpy(self._scaled(observations)).float()
            actions = self._learner.act(self._seed, scaled, torch.from_numpy(tasks), explore=explore)
        executed: Actions = actions.numpy()
        return executed

    def observe(self, batch: Transitions) -> None:
        """Store the transitions, scaled."""
        self._visit_steps += 1
        scaled = replace(
            batch,
            observations=self._scaled(batch.observations),
            next_observations=self._scaled(batch.next_observations),
            rewards=self._rewards(batch),
        )
        self._learner.replay.add(self._seed, scaled)

    def update(self) -> Metrics:
        """Update networks and mixture when they are due."""
        config, since = self.config, self._visit_steps - self.config.learning_starts
        reported: Metrics = {}
        if since == 0 or (since > 0 and since % config.train_freq == 0):
            for _ in range(config.warmup_updates if since == 0 else 1):
                reported = self._learn()
        elif self._meet.parties > 1:  # no seed of a stack runs ahead: they could not stop together
            self._meet(lambda: None)
        since = self._visit_steps - config.first_fit
        if config.prior == "dpmm" and since >= 0 and since % config.fit_every == 0:
            reported = {**reported, "components": float(self._fit())}
        return reported

    def end_task(self, task: TaskInfo) -> Knowledge:
        """Return latents of past transitions, sorted into the mixture's components."""
        return knowledge.sorted_into(self._mixture, *self._latents())

    def footprint(self) -> Footprint:
        """Return what learning has cost."""
        learner = self._learner
        return Footprint(
            gradient_updates=learner.updates,
            parameters=learner.size,
            stored_bytes=learner.replay.stored_bytes(self._seed),
        )

    def leave(self, error: BaseException) -> None:
        """Let the others of a stack stop, since this one has, because of ``error``."""
        self._meet.leave(error)

    def state_dict(self) -> dict[str, Any]:
        """Return all that decides what this agent does next."""
        return {
            "learner": self._learner.state(self._seed),
            "mixture": None if self._mixture is None else self._mixture.to_arrays(),
            "scale": None if self._scale is None else self._scale.state_dict(),
            "random": {use: generator.get_state() for use, generator in self._random.items()},
            "fits": self._fits,
            "visit_steps": self._visit_steps,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned."""
        self._learner.load(self._seed, state["learner"])
        self._take_over(None if state["mixture"] is None else Mixture.from_arrays(state["mixture"]))
        if self._scale is not None:
            self._scale.load_state_dict(state["scale"])
        for use, generator in self._random.items():
            generator.set_state(state["random"][use])
        self._fits, self._visit_steps = state["fits"], state["visit_steps"]

    def _learn(self) -> Metrics:
        try:
            return self._meet(self._learner.update)[self._seed]
        except AgentError as error:
            raise AgentError(f"{error} It was step {self._visit_steps} of the visit.") from error

    def _fit(self) -> int:
        """Fit the mixture to latents of past transitions; return how many components it has."""
        latents, _ = self._latents()
        seed = derive(self._setup.seed, "fit", self._fits)
        self._fits += 1
        try:
            mixture = knowledge.fit(self.config, latents, self._mixture, seed)
        except MixtureError as error:
            raise MixtureError(
                f"fit {self._fits} of LEGION's mixture, at step {self._visit_steps} of the visit: {error}"
            ) from error
        self._take_over(mixture)
        return len(mixture.weights)

    def _take_over(self, mixture: Mixture | None) -> None:
        self._mixture = mixture
        components = None if mixture is None else Components.of(mixture, device=self.config.device)
        self._learner.components[self._seed] = components

    def _latents(self) -> tuple[Tensor, Ints]:
        """Return latents [M, z] of transitions drawn from the memory, and their tasks [M]."""
        memory = self._learner.replay
        size = memory.size(self._seed)
        count = min(size, self.config.fit_samples)
        generator = self._random["fit"]
        # NumPy draws without a permutation of all the memory; one number of ours decides what.
        drawn = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
        places = torch.from_numpy(drawn.choice(size, count, replace=False))
        noise = torch.randn(count, self.config.latent, generator=generator)
        batch = memory.take(self._seed, places)
        return self._learner.latents(self._seed, batch, noise), batch.tasks[0].cpu().numpy()

    def _scaled(self, observations: Floats) -> Floats:
        scaled: Floats = (observations - self._offset) * self.config.observation_scale
        return scaled

    def _rewards(self, batch: Transitions) -> Floats:
        factor = self.config.reward_scale
        if self._scale is None:
            assert factor != "running-std"
            return batch.rewards * factor
        rewards = batch.rewards.copy()
        for row, task in enumerate(batch.tasks):  # of one task there may be several
            rewards[row : row + 1] = self._scale.scale(rewards[row : row + 1], self._slots[task])
        return rewards


def _learner(config: LegionConfig, setups: Sequence[AgentSetup]) -> Learner:
    if config.device == "cuda" and not torch.cuda.is_available():
        raise CardError('parameters: device is "cuda", but PyTorch finds no GPU here: say "cpu"')
    (size,) = setups[0].observation_space.shape
    identities = _identities(config, setups[0].tasks)
    if config.prior == "dpmm":
        knowledge.check(config.engine)
    return Learner(config, size, identities, [setup.seed for setup in setups])


def _identities(config: LegionConfig, visits: Sequence[TaskInfo]) -> Tensor:
    """Return what the encoder is told of each task [T, E]."""
    instructions = {visit.index: visit.instruction for visit in visits}
    if config.identity == "none":
        return torch.zeros(len(instructions), 0)
    if config.identity == "one-hot":
        return torch.eye(len(instructions))
    rows = [language.embedding(instructions[index]) for index in sorted(instructions)]
    sizes = sorted({row.size for row in rows})
    if len(sizes) > 1:
        raise LanguageError(f"embeddings of a stream's instructions must have one size, got {sizes}")
    return torch.from_numpy(np.stack(rows)).float()
