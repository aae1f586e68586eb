"""The command `neuro`: each of its commands is a function here, which prints what another module computes."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from neuro.commands.doctor import doctor_command
from neuro.commands.errors import plain_errors as _plain_errors
from neuro.commands.errors import say_stopped as _say_stopped
from neuro.commands.export import export_command
from neuro.commands.options import Config, Task
from neuro.commands.report import report_command
from neuro.commands.rerun import rerun_command
from neuro.commands.sweep import sweep_command
from neuro.files.options import path_option, path_parser
from neuro.files.standard_output import checked_output
from neuro.report.terminal import print_files, print_json, print_tables, warn_of_smoke

__all__ = ["app", "main"]

app = typer.Typer(
    name="neuro",
    help="Exact, event-driven simulation of spiking networks on memristor crossbars.",
    epilog="Example: neuro run braille --preset paper --seed 1 --out results/braille",
    no_args_is_help=True,
    # A traceback of ours is a bug; plain ones can be pasted into a report of it.
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
bench_app = typer.Typer(
    help="Measure this simulator beside others, on this machine.",
    epilog="Example: neuro bench engine --network sparse",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
app.add_typer(bench_app, name="bench")


def main() -> None:
    """Entry point of the `neuro` command."""
    from neuro.system.interrupts import commanded, exit_code
    from neuro.system.streams import open_closed_streams

    open_closed_streams()
    with commanded() as command:
        try:
            with checked_output(), _plain_errors():
                app()
        except BaseException as error:
            if not command.number:
                raise
            # A library may have made another error of the signal.
            if not isinstance(error, SystemExit):
                _say_stopped()
        if command.number:
            raise SystemExit(exit_code(command.number))


_Out = Annotated[Path | None, path_option("Where to write report.json and the figures.", metavar="DIR")]
_AsJson = Annotated[bool, typer.Option("--json", help="Print the report as JSON instead of tables.")]


def _show_version(wanted: bool) -> None:
    if wanted:
        from neuro.report.origin import versions

        typer.echo(f"neuro {versions()['neuro']}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options that come before a command."""


@app.command("list", epilog="Example: neuro list")
def list_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for other programs.")] = False,
) -> None:
    """List the tasks that can be run."""
    with _plain_errors():
        from neuro.tasks import list_tasks

        tasks = list_tasks()
        if as_json:
            print_json([{"name": name, "summary": sentence} for name, sentence in tasks.items()])
            return
        from neuro.report.record import Table

        print_tables(Table("Tasks", ("task", "what it does"), tuple(tasks.items())))


@app.command(
    "run",
    epilog="Example: neuro run braille --preset paper --seed 1 --set epochs=100 --out results/braille",
)
def run_command(
    task: Task = None,
    preset: Annotated[
        str | None, typer.Option(help="smoke (unless given): seconds, to see that it works; paper: the experiment.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of all random draws.")] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Replace a setting; may be repeated."),
    ] = None,
    config: Config = None,
    out: _Out = None,
    as_json: _AsJson = False,
) -> None:
    """Run a task and report what it found."""
    with _plain_errors():
        from neuro.commands.config import RUN, named_task, read_config, settings_from
        from neuro.progress import bar
        from neuro.tasks import run_task

        given = read_config(config, RUN)
        task, preset = named_task(task, given), preset or given.get("preset", "smoke")
        seed, overrides = given.get("seed") if seed is None else seed, settings_from(given, overrides)
        with bar(f"{task} ({preset})") as progress:
            report = run_task(task, preset, seed=seed, overrides=overrides, out=out, progress=progress)
        if as_json:
            from neuro.report.record import as_dict

            print_json(as_dict(report))
        else:
            from rich.console import Console

            from neuro.report.tables import show

            show(report, Console())
            print_files(out)
        if preset == "smoke":
            warn_of_smoke(task)


app.command(
    "sweep", epilog="Example: neuro sweep braille --grid trials=9,18 --seeds 4 --workers 2 --out results/sweep"
)(sweep_command)
app.command("rerun", epilog="Example: neuro rerun results/braille")(rerun_command)
app.command("export", epilog="Example: neuro export run.h5 spikes.parquet --population cell")(export_command)
app.command("doctor", epilog="Example: neuro doctor")(doctor_command)
app.command("report", epilog="Example: neuro report results/braille --out braille.html")(report_command)


@app.command("energy", epilog="Example: neuro energy run.h5 --chip loihi_davies2018 --placement placed.npz --out out")
def energy_command(
    run: Annotated[Path, typer.Argument(parser=path_parser, metavar="RUN", help="A recording, or a folder with one.")],
    chips: Annotated[
        list[str] | None,
        typer.Option("--chip", metavar="NAME", help="A chip (`neuro chips`) or a file; repeat it to compare."),
    ] = None,
    placement: Annotated[Path | None, path_option("Where the neurons are, as `Placement.save` wrote it.")] = None,
    dt: Annotated[float | None, typer.Option(help="Step of the network in seconds, for chips with steps.")] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Leave out what needs an unknown figure, and say so.")
    ] = False,
    out: _Out = None,
    as_json: _AsJson = False,
) -> None:
    """Energy and latency of a saved recording on a chip, without simulating it again.

    Without a placement all neurons go on one core, where they fit.
    """
    with _plain_errors():
        from neuro.report.energy import energy_of
        from neuro.report.record import as_dict, kept

        with kept(out) as keep:
            report = energy_of(run, chips or (), placement, dt=dt, partial=partial)
            keep(report)
        if as_json:
            print_json(as_dict(report))
            return
        print_tables(*(table for table in report.tables if table.rows))
        print_files(out)


@app.command("chips", epilog="Example: neuro chips")
def chips_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for other programs.")] = False,
) -> None:
    """List the chips that come with neuro, and the figures that are unknown of each."""
    with _plain_errors():
        from neuro.report.energy import chips_table

        table = chips_table()
        if as_json:
            print_json([dict(zip(table.columns, row, strict=True)) for row in table.rows])
            return
        print_tables(table)


@app.command("chip", epilog="Example: neuro chip loihi_davies2018")
def chip_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Which chip; `neuro chips` names them.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for other programs.")] = False,
) -> None:
    """Show every figure of a chip with its unit, its range and its source."""
    with _plain_errors():
        from neuro.report.energy import chip_as_dict, chip_tables

        if as_json:
            print_json(chip_as_dict(name))
            return
        from rich.console import Console

        text, tables = chip_tables(name)
        Console().print(text, highlight=False, markup=False)
        print_tables(*tables)


@app.command("devices", epilog="Example: neuro devices --json")
def devices_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print every figure as JSON, for other programs.")] = False,
) -> None:
    """List the device models that come with neuro, and the source of each."""
    with _plain_errors():
        from neuro.crossbar.device.catalog import device_record, list_devices

        if as_json:
            records = [device_record(name).model_dump(mode="json", exclude_none=True) for name in list_devices()]
            print_json(records)
            return
        from neuro.report.devices import devices_table

        print_tables(devices_table())


@app.command("device", epilog="Example: neuro device ReRamES --out results/devices")
def device_command(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A device of `neuro devices`, or a CSV file of your own measurement.")
    ],
    out: Annotated[Path | None, path_option("Where to draw its figure, as NAME.png.", metavar="DIR")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of all random draws.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Show a device: its figures with their sources, the change by a pulse, and how devices and reads differ.

    From a CSV file with the conductance after each pulse, fit a law and show the fitted device.
    """
    with _plain_errors():
        from neuro.report import devices

        tables, figures = devices.describe(name, seed)
        if as_json:
            print_json([devices.as_dict(table) for table in tables])
        else:
            print_tables(*tables)
        said = devices.draw(figures, out)
        if not as_json:
            typer.echo(said)


@app.command("new", epilog="Example: neuro new task mine")
def new_command(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="device, chip, task or neuron.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name, which is that of the file, too.")],
) -> None:
    """Write a file of your own to start from, here: it works as it is."""
    with _plain_errors():
        from neuro.report.templates import write_template

        typer.echo(write_template(kind, name))


@app.command("simulate", epilog="Example: neuro simulate net.nir --input spikes.npz --duration 0.5 --out results/net")
def simulate_command(
    net: Annotated[Path, typer.Argument(parser=path_parser, metavar="NET.nir", help="A network in a NIR file.")],
    duration: Annotated[float, typer.Option(help="How long to simulate, in seconds.")],
    spikes: Annotated[
        Path | None, path_option("Spikes of the inputs: .npz, .csv, .h5 (a recording) or .nir (data).", "--input")
    ] = None,
    engine: Annotated[str, typer.Option(help="exact: in continuous time; clocked: in steps of --dt.")] = "exact",
    dt: Annotated[float, typer.Option(help="Step of the tool that wrote the file, in seconds.")] = 1e-4,
    reset: Annotated[
        str | None, typer.Option(help="to_value or subtract: what a spike does to v, if the file does not say.")
    ] = None,
    decay: Annotated[str, typer.Option(help="How its steps decay: euler, or exponential, as in sinabs.")] = "euler",
    initial: Annotated[str, typer.Option(help="Where v starts: zero, or v_leak, as in Norse.")] = "zero",
    out: _Out = None,
    as_json: _AsJson = False,
) -> None:
    """Run a network of another tool, and show how often each of its nodes fires.

    The clocked engine runs it step by step as the tools that write NIR do. With --out the recording is kept, too.
    """
    with _plain_errors():
        from neuro.progress import bar
        from neuro.report.record import as_dict, fill, staged
        from neuro.report.simulation import simulate

        with ExitStack() as stack:
            stage = None if out is None else stack.enter_context(staged(out))
            with bar(f"simulate {net}") as progress:
                told = {"engine": engine, "dt": dt, "reset": reset, "decay": decay, "initial": initial}
                report, rec = simulate(net, spikes, duration, progress=progress, **told)  # type: ignore[arg-type]
            if stage is not None:
                fill(report, stage)
                rec.save(stage / "recording.h5")
        if as_json:
            print_json(as_dict(report))
            return
        print_tables(*report.tables)
        print_files(out)


@app.command("map", epilog="Example: neuro map lsm --chip mesh:7x7:256 --compare")
def map_command(
    net: Annotated[
        str, typer.Argument(metavar="NET", help="A NIR file, a .npz or .json with synapses, or a generator's name.")
    ],
    chip: Annotated[
        str, typer.Option(metavar="CHIP", help="A name, a file, or mesh:WIDTHxHEIGHT:NEURONS[:SYNAPSES[:AXONS]].")
    ],
    spikes: Annotated[Path | None, path_option("A recording that gives the traffic.")] = None,
    objective: Annotated[
        str, typer.Option(help="km1, multicast_hops, latency, ...; or a mix, km1=1,max_link=0.5.")
    ] = "km1",
    effort: Annotated[str, typer.Option(help="fast, balanced or best.")] = "balanced",
    seed: Annotated[int, typer.Option(min=0, help="Seed of all random draws.")] = 0,
    cores: Annotated[int | None, typer.Option(min=1, help="Use at most so many cores.")] = None,
    beside: Annotated[bool, typer.Option("--compare", help="Show other methods beside this one.")] = False,
    changes: Annotated[
        list[str] | None,
        typer.Option("--what-if", metavar="KEY=V,V", help="Place on variants: side, width, neurons, axons_in, ..."),
    ] = None,
    read: Annotated[Path | None, path_option("Judge this placement; do not search.")] = None,
    write_to: Annotated[
        list[Path] | None,
        typer.Option(
            "--write",
            parser=path_parser,
            metavar="FILE",
            help="Keep the placement: .json .npz .yaml .part; .hgr: the network.",
        ),
    ] = None,
    dt: Annotated[float, typer.Option(help="Step of a NIR file in seconds.")] = 1e-4,
    out: _Out = None,
    as_json: _AsJson = False,
) -> None:
    """Place a network on the cores of a chip, and show its costs by every objective."""
    with _plain_errors():
        from neuro.bench.map_command import run_map
        from neuro.files.writing import check_target
        from neuro.progress import bar
        from neuro.report.record import as_dict, kept

        for file in write_to or ():
            check_target(file)
        with kept(out) as keep, bar(f"map {net}") as progress:
            report = run_map(
                net, chip, spikes=spikes, objective=objective, effort=effort, seed=seed, cores=cores, beside=beside,
                changes=changes or (), read=read, write=write_to or (), dt=dt, progress=progress,
            )  # fmt: skip
            keep(report)
        if as_json:
            print_json(as_dict(report))
            return
        print_tables(*report.tables)


@bench_app.command("engine", epilog="Example: neuro bench engine --network balanced --peer brian2-cpp --turns 5")
def bench_engine_command(
    network: Annotated[
        str,
        typer.Option(help="balanced, balanced-ahp, balanced-delays, balanced-delays-grid, brunel, sparse or crossbar."),
    ] = "balanced",
    peer: Annotated[
        str | None,
        typer.Option(help="brian2-cpp, brian2-cython, nest-exact or nest-grid; `crossbar` is compared with numpy."),
    ] = None,
    turns: Annotated[int, typer.Option(min=1, help="How often each simulator runs.")] = 5,
    threads: Annotated[int, typer.Option(min=1, help="Threads of this engine; the peers have one.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for other programs.")] = False,
) -> None:
    """Time the engine per synaptic event, beside a peer and beside the additions alone.

    Every simulator gets the same arrays. They take turns; building and compiling are not timed.
    """
    with _plain_errors():
        from neuro.bench.engine import as_dict, bench_engine, tables
        from neuro.progress import bar

        with bar(f"bench {network}") as progress:
            found = bench_engine(network, peer, turns=turns, threads=threads, progress=progress)
        if as_json:
            print_json(as_dict(found))
            return
        print_tables(*tables(found))
