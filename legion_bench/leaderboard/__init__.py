"""The leaderboard: runs that others made, in bundles that are recomputed, never trusted."""

from legion_bench.leaderboard.page import build
from legion_bench.leaderboard.submit import submit
from legion_bench.leaderboard.verify import Entry, verify

__all__ = ["Entry", "build", "submit", "verify"]
