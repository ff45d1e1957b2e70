"""``benchmark``."""

from pathlib import Path

import click

from larq_igp.architectures.zoo import option_words
from larq_igp.cli.options import (
    SOURCE,
    classes_option,
    complete_source,
    network_options,
    open_there,
    open_typed,
    remote_options,
    typed,
    unknown_operators_option,
    weights_option,
)
from larq_igp.cli.output import Refusal, emit, json_option, progress_on_stderr, table


@click.command(short_help="Time networks on this host.", epilog=SOURCE)
@click.argument(
    "sources", metavar="SOURCE...", nargs=-1, required=True, shell_complete=complete_source
)
@click.option(
    "--engine",
    "engines",
    multiple=True,
    help="What runs the file; may be repeated.  [default: all that can]",
)
@click.option(
    "--threads", type=click.IntRange(1, 256), default=1, show_default=True, help="Of the engine."
)
@click.option(
    "--runs",
    type=click.IntRange(1),
    default=50,
    show_default=True,
    help="Timed invocations at batch 1.",
)
@click.option(
    "--warmup",
    type=click.IntRange(0),
    default=10,
    show_default=True,
    help="Invocations before them.",
)
@click.option(
    "--twin/--no-twin",
    default=True,
    help="Also time the network at 32 bits in TensorFlow Lite with XNNPACK.",
)
@click.option("--operators", is_flag=True, help="Also time every operator.")
@remote_options
@unknown_operators_option
@weights_option
@network_options
@classes_option
@json_option
def benchmark(
    sources: tuple[str, ...],
    engines: tuple[str, ...],
    threads: int,
    runs: int,
    warmup: int,
    twin: bool,
    operators: bool,
    on: str | None,
    wheel: str | None,
    remote_python: str,
    unknown_operators: bool,
    as_json: bool,
    **options,
) -> None:
    """Time each SOURCE and its float twin at batch 1 on this host. Everything but a .tflite is
    first converted in memory.

    Latencies of a host do not estimate those of a device. With --on, a .tflite is copied to another
    machine or an Android device and timed there; the result is also saved next to the file, as
    NAME.benchmarks.json. ssh must log in with a key; LARQ_IGP_SSH replaces the command `ssh`.
    """
    if on is not None:
        if engines or operators or typed(options):
            raise Refusal("--on takes only .tflite files, --threads, --runs and --warmup.")
        found = _on(sources, on, wheel, remote_python, threads=threads, runs=runs, warmup=warmup)
        machine = {"on": on, "wheel": wheel, "remote_python": remote_python}
        then = [
            ["predict", source, "PHOTO", *option_words(typed(machine))]
            for source in sources[:1]
            if Path(source).with_suffix(".json").is_file()
        ]
        text = "\n".join(_device_text(row, saved) for row, saved in found)
        emit(as_json, [row for row, _ in found], text, then=then)
        return
    if wheel is not None:
        raise Refusal("--wheel is for another machine: name it with --on.")
    with progress_on_stderr(as_json, "measuring"):
        from larq_igp.inference.conversion import timed

        rows: list[dict] = []
        unconverted = []
        for source in sources:
            subject = open_typed(source, options)
            unconverted += [] if subject.kind == "tflite" else [source]
            rows += timed(
                subject,
                engines=engines,
                twin=twin,
                operators=operators,
                threads=threads,
                runs=runs,
                warmup=warmup,
                unknown_operators=unknown_operators,
            )
            if twin and subject.spec is None:
                note = f"{source} has no 32-bit twin: its topology is not known here"
                click.echo(note, err=True)
    if unconverted:
        following = ["convert", unconverted[0], *option_words(typed(options))]
    else:
        following = ["benchmark", *sources, "--on", "ssh://USER@HOST"]
    emit(as_json, rows, _benchmark_text(rows), then=[following])


def _on(
    sources: tuple[str, ...], on: str, wheel: str | None, python: str, **options
) -> list[tuple[dict, Path]]:
    from larq_igp.deploy.remote.benchmark import benchmark_on, keep

    remote, rows = open_there(on, sources, wheel, python), []
    for source in sources:
        row = benchmark_on(remote, source, **options)
        rows.append((row, keep(source, row)))
    return rows


def _device_text(row: dict, saved: Path) -> str:
    machine, before, after = row["machine"], row["before"], row["after"]
    memory = row["peak_memory_bytes"]
    states = [
        f"{_number(before[name])} -> {_number(after[name])} {unit}"
        for name, unit in (("clock_mhz", "MHz"), ("temperature_c", "C"))
    ]
    return (
        f"{row['file']} on {row['on']}: {machine['cpu']}, {machine['cores']} cores, "
        f"{machine['machine']}, {machine['system']}\n"
        f"  median {row['latency_ms_median']:.3f} ms, p10..p90 {row['latency_ms_p10']:.3f}.."
        f"{row['latency_ms_p90']:.3f} ms, {row['runs']} runs, {row['threads']} threads\n"
        f"  {', '.join(states)}, peak memory "
        f"{'unknown' if memory is None else f'{memory / 1e6:.0f} MB'}; saved in {saved}"
    )


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:.0f}"


def _benchmark_text(rows: list[dict]) -> str:
    host = rows[0]["host"]
    cells = [
        (
            f"{row['file']} ({row['role']})",
            row["engine"],
            row["threads"],
            row["runs"],
            f"{row['latency_ms_median']:.3f}",
            f"{row['latency_ms_p10']:.3f}..{row['latency_ms_p90']:.3f}",
        )
        for row in rows
    ]
    lines = [
        f"host: {host['cpu']}, {host['cores']} cores, {host['system']}, {host['bits']} bit; no "
        "estimate for a device",
        table(cells, ("file", "engine", "threads", "runs", "median, ms", "p10..p90, ms")),
    ]
    for row in rows:
        if "operators" in row:
            kinds = [
                (kind, of["count"], f"{of['latency_ms']:.3f}", f"{of['share']:.1%}")
                for kind, of in row["by_kind"].items()
            ]
            title = (
                f"\n{row['file']}, {row['engine']}: each operator alone, sum "
                f"{row['sum_over_whole']:.2f} of the whole"
            )
            lines += [title, table(kinds, ("operator", "count", "ms", "share"))]
    return "\n".join(lines)
