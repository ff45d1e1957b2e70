"""``train``."""

import shlex
import sys
from pathlib import Path

import click

from larq_igp.cli.answers import metrics_text
from larq_igp.cli.options import complete_source, download_option, option_names, stack, typed
from larq_igp.cli.output import Refusal, emit, json_option, progress_on_stderr
from larq_igp.cli.recipe_options import recipe_options, recipe_text, typed_recipe
from larq_igp.terminal import long_command, waiting_for
from larq_igp.training.recipe import Recipe

SAME_COMMAND = "(here)"
"""Value of ``--resume`` without a folder: the folder of the same command."""

run_options = stack(
    click.option(
        "--run-dir", type=click.Path(), help="Where to write the run.  [default: runs/NAME-DATASET]"
    ),
    click.option(
        "--resume",
        metavar="[RUN_DIR]",
        is_flag=False,
        flag_value=SAME_COMMAND,
        help="Resume the run in RUN_DIR, by its own recipe; --data-dir says where its data are "
        "now. Without RUN_DIR: resume the run of this same command, or start it.",
    ),
    click.option(
        "--dry-run",
        is_flag=True,
        help="Build model and pipeline, run a few steps, print their time, and write nothing.",
    ),
    click.option(
        "--strategy",
        type=click.Choice(["auto", "none", "mirrored", "multiworker"]),
        default="auto",
        show_default=True,
        help="mirrored: all GPUs of this machine; multiworker: the workers in TF_CONFIG "
        "or Slurm; auto: what there is.",
    ),
    click.option(
        "--worker-timeout",
        type=click.FloatRange(0, min_open=True),
        default=300.0,
        show_default=True,
        help="Seconds to wait for other workers.",
    ),
    click.option(
        "--checkpoint-seconds",
        type=click.FloatRange(0),
        default=120.0,
        show_default=True,
        help="Seconds between checkpoints; each epoch ends with one, too. 0: after each step.",
    ),
    click.option(
        "--quiet", is_flag=True, help="Print a line for each epoch instead of the progress bar."
    ),
)


def resumed_folder(network: str | None, run_dir: str | None, resume: str) -> str | None:
    """Return the folder that ``--resume`` means; None is the usual one of a network that is
    named.
    """
    if resume != SAME_COMMAND:
        if run_dir and Path(run_dir) != Path(resume):
            raise Refusal(
                f"--resume {resume} and --run-dir {run_dir} name two folders: give one of them."
            )
        return resume
    if run_dir is None and network is None:
        raise Refusal(
            "--resume needs a run directory, or the command that started the run: `larq-igp train "
            "--resume RUN_DIR`."
        )
    return run_dir


def chosen_folder(network: str | None, recipe: Recipe, is_resumed: bool) -> tuple[Path, bool]:
    """Return the usual folder of a run, and whether the run that it holds is resumed: an unfinished
    one of the same recipe, if that was asked for, or is answered with yes at a terminal.
    """
    from larq_igp.training.run.layout import resume_command
    from larq_igp.training.train import default_run_dir, images_name, run_name, unfinished_run

    name = run_name(network)
    unfinished = unfinished_run(name, recipe)
    if unfinished and not is_resumed:
        found = f"{unfinished} is an unfinished run of this recipe"
        if sys.stdin.isatty() and sys.stderr.isatty():
            is_resumed = click.confirm(f"{found}: resume it?", default=True, err=True)
        else:
            click.echo(
                f"note: {found}; resume it with {resume_command(unfinished)}. A new one is started",
                err=True,
            )
    if unfinished and is_resumed:
        return unfinished, True
    return default_run_dir(name, images_name(recipe), resume=is_resumed), is_resumed


def suggestion_text(dataset: str | None, data_dir: str, corrupt: str | None) -> str:
    """Return the sentence that names a network for a folder."""
    from larq_igp.data import load_dataset
    from larq_igp.data.detect import dataset_in
    from larq_igp.training.fit.suggestion import suggest

    name = dataset or dataset_in(Path(data_dir))
    loaded = load_dataset(name, data_dir=data_dir, corrupt=corrupt)
    found = suggest(loaded)
    shape = f"{found.side},{found.side},{loaded.input_shape[-1]}"
    command = ["larq-igp", "train", found.network, "--data-dir", data_dir, "--input-shape", shape]
    command += ["--corrupt", corrupt] if corrupt else []
    return (
        f"name a network. For {found.images:,} training images of {len(loaded.class_names):,} "
        f"classes, {found.stored} px on the shorter side, try `{shlex.join(command)}`."
    )


def draw(folder: Path) -> None:
    """Draw the charts of a finished run into its folder, if matplotlib is installed."""
    from larq_igp.packages import BY_MODULE

    if BY_MODULE["matplotlib"].is_installed:
        with waiting_for("drawing charts"):
            from larq_igp.report.run_charts import draw_charts

            draw_charts(folder)


@click.command(short_help="Train a network and measure it; resume a run.")
@click.argument("network", metavar="[NAME-or-FILE]", required=False, shell_complete=complete_source)
@click.option(
    "--model",
    metavar="NAME-or-FILE",
    shell_complete=complete_source,
    help="The network, instead of the argument: --model larq_zoo:BinaryDenseNet28.",
)
@recipe_options
@download_option
@run_options
@json_option
@click.pass_context
def train(
    ctx: click.Context,
    network: str | None,
    model: str | None,
    run_dir: str | None,
    resume: str | None,
    dry_run: bool,
    quiet: bool,
    as_json: bool,
    **options,
) -> None:
    """Train a network, given by its name or a recipe file (.toml). Measure the weights with the
    best validation accuracy on the test split.

    Resume an interrupted run with

    \b
    larq-igp train --resume runs/igp_resnet_tiny-digits

    It ends with the same weights and history as an uninterrupted run. In a job that may be
    requeued, use the same command each time, with --run-dir and --resume: it starts the run,
    resumes it, or says that it is finished. Without these options, an unfinished run of the same
    command is offered at a terminal; without a terminal a new run is started, with a note. SIGTERM,
    Ctrl-C and a closed terminal write a checkpoint first; a second Ctrl-C ends at once.
    """  # noqa: D301  click takes the escape as "do not wrap"
    if network is not None and model is not None:
        raise Refusal(f"{network} and --model {model} both name a network: give one of them.")
    network = model if network is None else network
    of_run = {
        name: options.pop(name)
        for name in ("strategy", "worker_timeout", "checkpoint_seconds", "download")
    }
    if network is None and resume is None and options["data_dir"]:
        with progress_on_stderr(as_json):
            typed_data = (options[name] for name in ("dataset", "data_dir", "corrupt"))
            raise Refusal(suggestion_text(*typed_data))
    if network is None and resume is None:
        raise Refusal(
            "name a network, like `larq-igp train igp_resnet_tiny`, or a run to resume: "
            "--resume RUN_DIR."
        )
    if network is None and (others := typed(options | {"data_dir": None})):
        raise Refusal(
            f"--resume takes the recipe from the run: leave out {option_names(others)}, or name "
            "the network too."
        )
    with long_command(), progress_on_stderr(as_json):
        from larq_igp.training.fit.signals import StoppedError
        from larq_igp.training.train import recipe_of_run
        from larq_igp.training.train import train as train_network

        given = run_dir if resume is None else resumed_folder(network, run_dir, resume)
        if network is None:
            recipe = recipe_of_run(str(given), options["data_dir"])
        else:
            recipe = typed_recipe(network, options)
        is_resumed = resume is not None
        folder = Path(given or ".")
        if not given and not dry_run:
            folder, is_resumed = chosen_folder(network, recipe, is_resumed)
        try:
            if dry_run:
                from larq_igp.training.fit.dry_run import dry_run as try_out

                with waiting_for("trying a few steps"):
                    document = try_out(
                        recipe,
                        strategy=of_run["strategy"],
                        worker_timeout=of_run["worker_timeout"],
                        download=of_run["download"],
                    )
                text = dry_run_text(document)
            else:
                of_run |= {
                    "verbose": 2 if quiet else 1,
                    "announce": lambda recipe: click.echo(
                        f"run directory: {folder}\n{recipe_text(recipe)}"
                    ),
                }
                document = train_network(recipe, folder, resume=is_resumed, **of_run)
                text = train_text(document)
                if "top1" in document:
                    draw(folder)
        except StoppedError as stopped:
            click.echo(stopped, err=True)
            ctx.exit(stopped.exit_code)
    then = [("convert", document["run_dir"])] if "top1" in document else []
    emit(as_json, document, text, then=then)


def train_text(outcome: dict) -> str:
    """Format the outcome of a run for a terminal."""
    where = f"run directory: {outcome['run_dir']}"
    if "top1" not in outcome:
        return f"{where} (written by the chief)"
    return f"{metrics_text(outcome)} (weights of epoch {outcome['epoch']})\n{where}"


def dry_run_text(facts: dict) -> str:
    """Format what a dry run found."""
    return (
        f"{facts['network']} at {facts['bits']} bit: {facts['parameters']:,} parameters, input "
        f"{facts['input_shape']}\n"
        f"{facts['dataset']}: {facts['train_images']:,} training images, "
        f"{facts['steps_per_epoch']:,} steps an epoch, "
        f"{facts['steps']:,} in all, batch {facts['batch_size']} on {facts['replicas']} "
        f"device{'s' * (facts['replicas'] > 1)}\n"
        f"loss {facts['loss']:.4f} after {facts['steps_run']} steps; "
        f"{facts['images_per_second']:,.0f} images/s after the first, "
        f"which took {facts['first_step_seconds']:.1f} s with its compilation; nothing was written"
    )
