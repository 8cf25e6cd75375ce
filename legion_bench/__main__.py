"""``python -m legion_bench`` is ``legion-bench``."""

from legion_bench.cli import main

main()
