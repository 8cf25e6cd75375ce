"""One figure per set of orders."""

from __future__ import annotations

from legion_bench.reports.figures import agent_styles
from legion_bench.reports.measured import measure_all
from legion_bench.reports.pictures import orders
from tests.reports.conftest import TASKS, MakeRun


def test_the_caption_counts_seeds(make_run: MakeRun) -> None:
    runs = [make_run(protocol="there"), make_run(protocol="back", tasks=TASKS[::-1])]
    styles = agent_styles(["sac"])
    (picture,) = orders(measure_all(runs), styles)
    assert "the seeds of one order (1 each)" in picture.caption
    assert "protocols back, there." in picture.caption
    runs.append(make_run(protocol="back", seed=1, tasks=TASKS[::-1]))
    (picture,) = orders(measure_all(runs), styles)
    assert "(sac on back: 2, sac on there: 1)" in picture.caption
    assert list(orders(measure_all(runs[:1]), styles)) == []
