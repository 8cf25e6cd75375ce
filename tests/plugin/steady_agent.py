"""An agent as a third party writes it: no base class, nothing of legion-bench imported."""

import numpy as np


class SteadyAgent:
    """Pushes in one direction for ever."""

    def __init__(self, setup, push=0.0):
        self.action = np.array([0.0, push, 0.0, 0.0], dtype=np.float32)

    def begin_task(self, task):
        pass

    def act(self, observations, tasks, *, explore):
        return np.tile(self.action, (len(observations), 1))

    def observe(self, batch):
        pass

    def update(self):
        return {}

    def end_task(self, task):
        pass
