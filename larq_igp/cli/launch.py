"""``launch``."""

import click

from larq_igp.cli.output import Refusal
from larq_igp.terminal import long_command


@click.command(
    short_help="Train with several processes on this machine.",
    context_settings={"ignore_unknown_options": True},
)
@click.option("--workers", type=click.IntRange(1), required=True, help="How many processes.")
@click.option(
    "--open-ports",
    is_flag=True,
    help="Let the workers listen on this machine's network, if the system cannot give them "
    "their own. Anyone who reaches their ports can read and write your files.",
)
@click.argument(
    "arguments", metavar="TRAIN_ARGUMENTS...", nargs=-1, required=True, type=click.UNPROCESSED
)
@click.pass_context
def launch(ctx: click.Context, workers: int, open_ports: bool, arguments: tuple[str, ...]) -> None:
    """Start N workers of `larq-igp train TRAIN_ARGUMENTS` on this machine, and show what the first
    prints.

    \b
    larq-igp launch --workers 2 igp_resnet_tiny --batch-size 64 --run-dir runs/two --resume

    They train over their own network, which no other process can reach. --batch-size is for all
    workers together. If one dies, the others are ended, and the exit code is not 0. SIGTERM, Ctrl-C
    and a closed terminal write a checkpoint first; a second Ctrl-C ends all at once. With --run-dir
    and --resume the same command resumes from the last checkpoint. With --json, the first worker
    prints the document.
    """  # noqa: D301  click takes the escape as "do not wrap"
    if any(each.partition("=")[0] == "--strategy" for each in arguments):
        raise Refusal("launch trains with the strategy multiworker: leave out --strategy.")
    if "--download" in arguments and not open_ports:
        raise Refusal(
            "launch has no network to download from: run `larq-igp data check DATASET --download` "
            "first, and leave out --download."
        )
    from larq_igp.training.cluster.launch import launch as launch_workers

    with long_command():
        code = launch_workers(workers, list(arguments), open_ports=open_ports)
    ctx.exit(code)
