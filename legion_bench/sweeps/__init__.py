"""Many runs: every agent with every seed under every protocol, on one machine or a cluster."""

from legion_bench.sweeps.grid import Cell, grid
from legion_bench.sweeps.loop import Executor, Outcome, Row, Work, sweep

__all__ = ["Cell", "Executor", "Outcome", "Row", "Work", "grid", "sweep"]
