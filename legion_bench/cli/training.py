"""Commands that train: `run` and `sweep`."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from legion_bench.cli.console import err, example, out, plain
from legion_bench.errors import LegionBenchError
from legion_bench.seeding import parse_seeds

if TYPE_CHECKING:
    from legion_bench.protocols.runner import Watch
    from legion_bench.types import TaskInfo

app = typer.Typer()


@app.command(
    epilog=example(
        "legion-bench run --protocol smoke --agent sac-finetune-small",
        "legion-bench run --protocol smoke --agent my_package.agents:MyAgent --seed 3",
        "legion-bench run --protocol ./mine.toml --agent ./my-agent.toml --out runs/try",
        "legion-bench run --protocol smoke --agent legion-small --seeds 0-4 --stack",
        "legion-bench run --protocol smoke --agent legion-small --stop-after 3000",
    )
)
def run(
    protocol: Annotated[str, typer.Option(help="Protocol card: a name or a path.")],
    agent: Annotated[str, typer.Option(help="Agent card, entry point, or package.module:Class.")],
    seed: Annotated[int | None, typer.Option(help="Seed of placements and agent.", show_default="0")] = None,
    seeds: Annotated[
        str | None,
        typer.Option(help="With --stack: several, as 0-4 or 0,2,5. --out then holds a folder for each."),
    ] = None,
    stack: Annotated[
        bool, typer.Option("--stack", help="Train --seeds together in one process, updates in one batch.")
    ] = False,
    out_: Annotated[
        Path | None, typer.Option("--out", help="Run folder. [default: runs/PROTOCOL/AGENT/seed-SEED]")
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Delete a run that is already there.")] = False,
    checkpoint_minutes: Annotated[
        float, typer.Option(help="Least time between checkpoints; 0: at every evaluation.", min=0)
    ] = 10.0,
    stop_after: Annotated[
        int | None,
        typer.Option(
            metavar="STEPS",
            help="Leave the run unfinished after the first evaluation at so many environment steps or more;"
            " the same command without this goes on.",
            min=0,
        ),
    ] = None,
) -> None:
    """Train one agent under one protocol.

    A run that was stopped goes on from its last checkpoint when the same command is given again; those
    of a stack, one by one.
    """
    from legion_bench import launch
    from legion_bench.progress import Progress

    if stack != (seeds is not None) or (stack and seed is not None):
        raise LegionBenchError("--seeds and --stack go together, and without --seed")
    if stack and stop_after is not None:
        raise LegionBenchError("--stop-after is for single runs: leave it or --stack out")
    if overwrite:
        err.print("[yellow]--overwrite: a run that is already in the folder will be deleted[/]")
    try:
        with Progress(err, protocol) as progress, _stoppable(progress) as watch:
            if seeds is None:
                say = lambda text: err.print(f"[yellow]{plain(text)}[/]", soft_wrap=True)  # noqa: E731
                paths = [
                    launch.run(
                        protocol,
                        agent,
                        seed or 0,
                        out_,
                        overwrite=overwrite,
                        checkpoint_minutes=checkpoint_minutes,
                        stop_after=stop_after,
                        watch=watch,
                        say=say,
                    )
                ]
            else:
                paths = launch.run_stack(
                    protocol,
                    agent,
                    parse_seeds(seeds),
                    out_,
                    overwrite=overwrite,
                    checkpoint_minutes=checkpoint_minutes,
                    watch=watch,
                )
    except KeyboardInterrupt:
        how = "each seed alone, with --seed and --out," if stack else "the same command"
        err.print(
            "[yellow]interrupted; whatever was measured is in the run folder,"
            f" and {how} goes on from its last checkpoint, if there is one[/]"
        )
        raise typer.Exit(130) from None
    for path in paths:
        out.print(f"Run written to {plain(path)}", soft_wrap=True)
    shown = plain(" ".join(map(str, paths)))
    out.print(f"See it with: legion-bench report {shown} --out report", soft_wrap=True)


@app.command(
    epilog=example(
        "legion-bench sweep --protocol smoke --agents legion-small,sac-packnet-small --seeds 0-4 --jobs 2",
        "legion-bench sweep --protocol smoke --protocol ./mine.toml --agents ./my-agent.toml --seeds 0,1",
        "legion-bench sweep --protocol smoke --agents legion --seeds 0-9 --executor ray --address auto",
    )
)
def sweep(
    protocol: Annotated[list[str], typer.Option(help="Protocol card: a name or a path; may be repeated.")],
    agents: Annotated[str, typer.Option(help="Agent cards, entry points or classes: a,b,c.")],
    seeds: Annotated[str, typer.Option(help="As 0-4 or 0,2,5.")],
    jobs: Annotated[int, typer.Option(help="Runs at once; one per idle core.", min=1)] = 1,
    out_: Annotated[
        Path, typer.Option("--out", help="Holds the run folders PROTOCOL/AGENT/seed-SEED.")
    ] = Path("runs"),
    executor: Annotated[Literal["local", "ray"], typer.Option(help="This machine, or a cluster.")] = "local",
    address: Annotated[
        str | None, typer.Option(help="Of the Ray cluster, or auto. [default: a new one, here]")
    ] = None,
    cpus: Annotated[float, typer.Option(help="Of the Ray cluster, for each run.", min=0)] = 1,
    gpus: Annotated[float, typer.Option(help="Of the Ray cluster, for each run.", min=0)] = 0,
    retries: Annotated[int, typer.Option(help="Nodes of the Ray cluster that a run may lose.", min=0)] = 3,
    checkpoint_minutes: Annotated[
        float, typer.Option(help="Least time between checkpoints; 0: at every evaluation.", min=0)
    ] = 10.0,
) -> None:
    """Train every agent with every seed under every protocol.

    Runs that are finished are skipped, those that were stopped go on. A run that fails leaves the others
    alone and is named at the end, with exit code 1.
    """
    from legion_bench import sweeps
    from legion_bench.sweeps.board import Board, summary
    from legion_bench.sweeps.cluster import Cluster
    from legion_bench.sweeps.local import Local

    cells = sweeps.grid(protocol, agents.split(","), parse_seeds(seeds), out_)
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # as from a scheduler
    place: sweeps.Executor = (
        Local(jobs, checkpoint_minutes)
        if executor == "local"
        else Cluster(address, cpus, gpus, retries, checkpoint_minutes)
    )
    try:
        with Board(err) as board:
            rows = sweeps.sweep(cells, place, board)
    finally:
        signal.signal(signal.SIGTERM, before)
    for row in rows:
        if row.error is not None:
            err.print(f"[red]failed:[/] {plain(row.cell.path)}: {plain(row.error)}", soft_wrap=True)
    out.print(f"{summary(rows)}; run folders are in {plain(out_)}", soft_wrap=True)
    states = {row.state for row in rows}
    raise typer.Exit(130 if "interrupted" in states else 1 if "failed" in states else 0)


@contextmanager
def _stoppable(watch: Watch) -> Iterator[Watch]:
    """Let Ctrl-C, and SIGTERM, with which schedulers end a job, stop a run between two steps.

    A second signal stops it at once.
    """
    asked = False

    def ask(number: int, frame: object) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        err.print("[yellow]stopping after this step or evaluation; again to stop at once[/]")

    def watched(step: int, visit: TaskInfo | None, success: float | None) -> None:
        watch(step, visit, success)
        if asked:
            raise KeyboardInterrupt

    # Whoever ignores a signal, as nohup does, goes on doing so.
    numbers = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, ask) for number in numbers}
    try:
        yield watched
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
