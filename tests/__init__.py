"""The tests; threads are pinned before NumPy and torch load, as the command line does."""

from legion_bench import threads

threads.pin()
