"""Commands on reference numbers: `reference make` and `reference check`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from legion_bench.cli.console import Runs, err, example, out, plain, read_runs, wide
from legion_bench.errors import RunError

app = typer.Typer()
reference = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Reference numbers: what the code measured, to notice when that changes."
    " (Not what forward transfer is measured against: that is `references`.)",
    epilog=example(
        "legion-bench reference make results/smoke/runs --out results/reference/smoke.json",
        "legion-bench reference check runs/smoke --reference results/reference/smoke.json",
    ),
)
app.add_typer(reference, name="reference")


@reference.command(
    "make",
    epilog=example("legion-bench reference make results/smoke/runs --out results/reference/smoke.json"),
)
def reference_make(
    runs: Runs,
    out_: Annotated[Path, typer.Option("--out", help="File to write.")],
    agent: Annotated[
        list[str] | None, typer.Option(help="Leave the others out; may be repeated. [default: all]")
    ] = None,
) -> None:
    """Write reference numbers of finished runs of one protocol."""
    from legion_bench.reports.traces import collect
    from legion_bench.results.regression import write

    read, broken = read_runs(runs)
    if broken:
        raise RunError("nothing was written: reference numbers must not lack runs by accident")
    numbers = collect(read, agent or None)
    out.print(f"Written to {plain(write(numbers, out_))}", soft_wrap=True)
    for traces in numbers.agents:
        seeds = ", ".join(str(run.seed) for run in traces.runs)
        out.print(f"{plain(traces.agent.name)}: seeds {seeds}", soft_wrap=True)


@reference.command(
    "check",
    epilog=example("legion-bench reference check runs/smoke --reference results/reference/smoke.json"),
)
def reference_check(
    runs: Runs,
    reference: Annotated[Path, typer.Option(help="File that `reference make` wrote.")],
) -> None:
    """Compare runs, finished or not, with reference numbers; exit code 1 if any leaves its band."""
    from legion_bench.reports import regression
    from legion_bench.results.regression import read as read_numbers

    numbers = read_numbers(reference)
    read, broken = read_runs(runs)
    rows = regression.check(read, numbers)
    for note in regression.other_versions(read, numbers):
        err.print(f"[yellow]another version, so hardly identical:[/] {plain(note)}", soft_wrap=True)
    table = Table(box=None, padding=(0, 2))
    for heading in ("agent", "quantity", "measured", "reference", "band", "verdict", "of"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*map(plain, regression.cells(row)))
    wide.print(table)
    out.print(
        f"Meant so that without any change at most {2 * regression.FALSE_ALARMS:.0%} of such checks fail."
    )
    raise typer.Exit(1 if broken or any(row.verdict == "OUTSIDE" for row in rows) else 0)
