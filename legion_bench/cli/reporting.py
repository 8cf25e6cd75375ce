"""Commands that read runs: `report`, `paper`, `metrics` and `references`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from legion_bench.cli.console import References, Runs, err, example, out, plain, read_runs
from legion_bench.errors import RunError

app = typer.Typer()


@app.command(
    epilog=example(
        "legion-bench report runs --out report",
        "legion-bench report runs/smoke/sac-finetune-small runs/smoke/sac-reset-small --out report",
        "legion-bench report runs/smoke --reference runs/smoke-single-task --out report",
        "legion-bench report runs/lifelong-curriculum --paper --out report",
    )
)
def report(
    runs: Runs,
    out_: Annotated[Path, typer.Option("--out", help="Folder to write to.")] = Path("report"),
    reference: References = None,
    paper: Annotated[
        bool, typer.Option("--paper", help="Put LEGION's published results beside the runs they fit.")
    ] = False,
) -> None:
    """Write tables, figures and one self-contained index.html."""
    from legion_bench.reports.build import build_report

    read, broken = read_runs(runs)
    references, lost = read_runs(reference or [])
    index = build_report(
        read, out_, references if reference else None, left_out=broken + lost, published=paper
    )
    out.print(f"Report written to {plain(index)}", soft_wrap=True)
    raise typer.Exit(1 if broken + lost else 0)


@app.command(epilog=example("legion-bench paper --out paper"))
def paper(out_: Annotated[Path, typer.Option("--out", help="Folder to write to.")] = Path("paper")) -> None:
    """Write tables and figures of LEGION's published results; nothing is trained."""
    from legion_bench.reports.paper import build_paper

    out.print(f"Written to {plain(build_paper(out_))}", soft_wrap=True)


@app.command(
    epilog=example(
        "legion-bench metrics runs/smoke/sac-finetune-small/seed-0",
        "legion-bench metrics runs/smoke --reference runs/smoke-single-task --json",
    )
)
def metrics(
    runs: Runs,
    reference: References = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="All metrics: one JSON object per run and line.")
    ] = False,
) -> None:
    """Print metrics and cost of every run."""
    from legion_bench.reports import numbers
    from legion_bench.reports.measured import measure_all

    read, broken = read_runs(runs)
    references, lost = read_runs(reference or [])
    for run in measure_all(read, references if reference else None):
        for warning in run.warnings:
            err.print(f"[yellow]warning:[/] {plain(warning)}", soft_wrap=True)
        if as_json:
            typer.echo(json.dumps(numbers.everything(run), allow_nan=False))
            continue
        title = plain(run.run.path)
        table = Table(title=title, title_justify="left", box=None, padding=(0, 2), show_header=False)
        for row in numbers.headlines(run):
            table.add_row(*map(plain, row))
        out.print(table, "")
    if not as_json:
        err.print("All metrics, and what they are the means of: --json")
    raise typer.Exit(1 if broken + lost else 0)


@app.command(
    epilog=example(
        "legion-bench references runs/smoke-single-task",
        "legion-bench references runs/smoke-single-task/sac-finetune-small --out my-references",
    )
)
def references(
    runs: Runs,
    out_: Annotated[Path, typer.Option("--out", help="Folder to write to.")] = Path("results/references"),
) -> None:
    """Make references for forward transfer: a file per single-task protocol and agent, of all its seeds."""
    from legion_bench.reports.references import collect
    from legion_bench.results.references import write

    read, broken = read_runs(runs)
    if broken:
        raise RunError("nothing was written: a reference must not lack runs by accident")
    for made in collect(read):
        path, seeds = write(made, out_), ", ".join(str(one.seed) for one in made.seeds)
        out.print(f"Written to {plain(path)}: seeds {seeds}", soft_wrap=True)
