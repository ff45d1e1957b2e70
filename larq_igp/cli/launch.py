"""``launch``."""

import click

from larq_igp.cli.output import Refusal
from larq_igp.terminal import long_command


@click.command(
    short_help="Train with several processes on this machine.",
    context_settings={"ignore_unknown_options": True},
)
@click.option("--workers", type=click.IntRange(1), required=True, help="How many processes.")
@click.argument(
    "arguments", metavar="TRAIN_ARGUMENTS...", nargs=-1, required=True, type=click.UNPROCESSED
)
@click.pass_context
def launch(ctx: click.Context, workers: int, arguments: tuple[str, ...]) -> None:
    """Start N workers of `larq-igp train TRAIN_ARGUMENTS` on this machine, and show what the first
    prints.

    \b
    larq-igp launch --workers 2 igp_resnet_tiny --batch-size 64 --run-dir runs/two --resume

    They train together over the loopback interface; --batch-size is that of all of them. When one
    dies the others are ended, and the exit code is not 0. SIGTERM, Ctrl-C and a closed terminal
    write a checkpoint first; a second Ctrl-C ends all at once. With --run-dir and --resume the same
    command resumes from the last checkpoint. With --json, the first prints the document.
    """  # noqa: D301  click takes the escape as "do not wrap"
    if any(each.partition("=")[0] == "--strategy" for each in arguments):
        raise Refusal("launch trains with the strategy multiworker: leave out --strategy.")
    from larq_igp.training.cluster.launch import launch as launch_workers

    with long_command():
        code = launch_workers(workers, list(arguments))
    ctx.exit(code)
