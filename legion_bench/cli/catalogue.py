"""Commands on what there is: `list`, `render`, `export`, `gallery`, `audit`, `doctor` and `embed`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from legion_bench.cli.console import err, example, out, plain, wide

app = typer.Typer()


@app.command("list", epilog=example("legion-bench list", "legion-bench list agents"))
def list_(
    kind: Annotated[str, typer.Argument(help="tasks, streams, agents, protocols or all.")] = "all",
) -> None:
    """List the tasks, streams, agents and protocols there are."""
    from legion_bench import listing

    for title, rows in listing.tables(kind).items():
        table = Table(title=title, title_justify="left", box=None, padding=(0, 2))
        *short, long = rows[0]
        for column in short:
            table.add_column(column, no_wrap=True)
        table.add_column(long, overflow="fold")
        for row in rows:
            table.add_row(*row.values())
        (out if out.is_terminal else wide).print(table, "")


@app.command(
    epilog=example(
        "legion-bench render --agent scripted --task pick-place --out pick-place.gif",
        "legion-bench render --task door-open --out door.png --size 1024",
    )
)
def render(
    out_: Annotated[Path, typer.Option("--out", help="A .gif or .mp4 of one episode, or a .png frame.")],
    task: Annotated[str, typer.Option(help="Task card.")] = "reach",
    agent: Annotated[str, typer.Option(help="Agent, as it is before training.")] = "scripted",
    seed: Annotated[int, typer.Option(help="Seed of placement and agent.")] = 0,
    size: Annotated[int, typer.Option(help="Height and width in pixels.", min=16, max=4096)] = 480,
) -> None:
    """Make a picture or a film of an episode."""
    from legion_bench.render import render as make

    out.print(f"Written to {plain(make(agent, task, out_, seed, size))}", soft_wrap=True)


@app.command(
    epilog=example(
        "legion-bench export runs/smoke/legion-small/seed-0",
        "legion-bench export runs/smoke/legion-small/seed-0 --out policies/small.pt2",
    )
)
def export(
    run_: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder of a LEGION agent.")],
    out_: Annotated[Path, typer.Option("--out", help="A .pt2 file.")] = Path("policy.pt2"),
    checkpoint: Annotated[
        Path | None, typer.Option(help="One of the run's checkpoints. [default: the newest]")
    ] = None,
) -> None:
    """Write a run's policy as one file that torch alone can load."""
    from legion_bench.export import export as make

    card = make(run_, out_, checkpoint)
    out.print(f"Written to {plain(out_)}: the policy at step {card.step:,}", soft_wrap=True)


@app.command(epilog=example("legion-bench gallery", "legion-bench gallery --out pictures --size 480"))
def gallery(
    out_: Annotated[Path, typer.Option("--out", help="Folder to write to.")] = Path("docs/tasks"),
    size: Annotated[int, typer.Option(help="Height and width in pixels.", min=16, max=2048)] = 240,
) -> None:
    """Draw every task's start on KUKA, and write the page that shows them."""
    from rich.progress import track

    from legion_bench import catalogue
    from legion_bench import gallery as galleries

    tasks = catalogue.names("envs/tasks")
    written = galleries.write(out_, tasks, size)
    *_, page = track(written, description="drawing", total=len(tasks) + 1, console=err)
    out.print(f"Written to {plain(page)}", soft_wrap=True)


@app.command(
    epilog=example(
        "legion-bench audit --task peg-unplug-side --placements 20",
        "legion-bench audit --out results/environments --jobs 2",
    )
)
def audit(
    out_: Annotated[
        Path | None, typer.Option("--out", help="Folder for tables; else they are printed.")
    ] = None,
    task: Annotated[list[str] | None, typer.Option(help="Task card; may be repeated. [default: all]")] = None,
    placements: Annotated[int, typer.Option(help="Episodes per task and robot.", min=1)] = 100,
    seed: Annotated[int, typer.Option(help="Seed of the first placement.", min=0)] = 0,
    jobs: Annotated[int, typer.Option(help="Processes.", min=1)] = 1,
) -> None:
    """Play the scripted policy of every task on KUKA and Sawyer; report success and joint use."""
    from rich.progress import track

    from legion_bench import audit as audits
    from legion_bench import catalogue

    tasks = task or catalogue.names("envs/tasks")
    rows = list(
        track(
            audits.audit(tasks, ("sawyer", "kuka"), placements, seed, jobs),
            description="playing",
            total=2 * len(tasks),
            console=err,
        )
    )
    if out_ is None:
        out.print(audits.as_text(audits.table(rows)).to_string(index=False), soft_wrap=True)
    else:
        audits.write(rows, out_, seed)
        out.print(f"Written to {plain(out_)}", soft_wrap=True)


@app.command(epilog=example("legion-bench doctor"))
def doctor() -> None:
    """Check dependencies, physics, rendering, bnpy and threads; say how to fix them."""
    from legion_bench.doctor import check_all

    broken = False
    for check in check_all():
        mark = "[green]ok  [/]" if check.ok else "[yellow]miss[/]" if check.optional else "[red]FAIL[/]"
        out.print(f"{mark} {check.name}: {plain(check.found)}", soft_wrap=True, highlight=False)
        if not check.ok:
            out.print(f"     fix: {check.fix}", soft_wrap=True, highlight=False, markup=False)
        broken = broken or not (check.ok or check.optional)
    raise typer.Exit(1 if broken else 0)


@app.command(epilog=example("legion-bench embed", "legion-bench embed --check", "legion-bench embed --table"))
def embed(
    check: Annotated[bool, typer.Option(help="Compare with the shipped table; write nothing.")] = False,
    table: Annotated[bool, typer.Option(help="Print docs/language.md's tables; write nothing.")] = False,
) -> None:
    """Embed the sentences of all task cards anew."""
    from legion_bench import language

    if table:
        typer.echo(language.markdown())
    if check:
        found = language.differences(language.read(), language.build())
        for line in found or ["The shipped table is what the encoder makes."]:
            out.print(plain(line), soft_wrap=True)
        raise typer.Exit(1 if found else 0)
    if not table:
        language.write(language.build())
        out.print(f"Written to {plain(language.path())}", soft_wrap=True)
