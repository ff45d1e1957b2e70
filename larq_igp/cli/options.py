"""Options that several commands share."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from larq_igp.architectures.zoo import ZOO
from larq_igp.training.recipe import Recipe
from larq_igp.training.recipe.fields import Field, RecipeError, require
from larq_igp.training.recipe.sources import from_options


class Numbers(click.ParamType):
    """Numbers with commas between, like ``2,2,2,2``."""

    def __init__(self, kind: type, metavar: str):
        self.kind, self.name = kind, metavar

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple:
        """Return a tuple."""
        if isinstance(value, tuple):
            return value
        try:
            return (
                tuple(self.kind(part) for part in value.replace("x", ",").split(","))
                if value
                else ()
            )
        except ValueError:
            self.fail(
                f"{value!r} is not {self.name}: give numbers with commas between.", param, ctx
            )


INTEGERS, RATES, SHAPE = Numbers(int, "N,N,..."), Numbers(float, "R,R,..."), Numbers(int, "H,W,C")

PARAMETERS = {
    "filters": click.option(
        "--filters", type=int, help="Base width w: channels of stage 1 (ResNets)."
    ),
    "growth_rate": click.option(
        "--growth-rate", type=int, help="Channels g that a block appends (DenseNets)."
    ),
    "blocks": click.option("--blocks", type=INTEGERS, help="Blocks of each stage."),
    "columns": click.option("--columns", type=int, help="Columns C of the fractal (IGP networks)."),
    "join": click.option(
        "--join",
        type=click.Choice(["mean", "sum"]),
        help="How branches of a fractal meet (IGP-ResNet).",
    ),
    "identity": click.option(
        "--identity",
        type=click.Choice(["layers", "block", "nowhere"]),
        help="Where a fractal has shortcuts (IGP-ResNet).",
    ),
    "shortest_column": click.option(
        "--shortest-column",
        type=int,
        help="Convolutions of a fractal's shortest column, 1 or 2 (IGP-ResNet).",
    ),
    "transition_filters": click.option(
        "--transition-filters", type=INTEGERS, help="Channels after each transition (DenseNets)."
    ),
    "reduction": click.option(
        "--reduction", type=RATES, help="Rates that set --transition-filters (DenseNets)."
    ),
    "stem_filters": click.option(
        "--stem-filters", type=int, help="Channels of the stem (DenseNets)."
    ),
}
"""Fields of specifications that the command line can replace."""

OWN_OPTIONS = ("network", "parameters", "body_weights")
"""Fields of recipes that the command line takes otherwise: by the argument, and by the above."""


def stack(*options: Callable) -> Callable:
    """Return one decorator that applies several, so that the first is listed first in the help."""

    def decorate(function: Callable) -> Callable:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


class FieldValue(click.ParamType):
    """The value of a recipe's field, as text."""

    def __init__(self, field: Field):
        self.field, self.name = field, field.metavar

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value."""
        field = self.field
        if not isinstance(value, str) or (str in field.kinds and value):
            return value
        try:
            parsed = field.parse(value)
            require(parsed is not None, f"--set {field.name}=none takes back what a file says.")
            return parsed
        except RecipeError as error:
            raise RecipeError(f"{field.option}: {error}", field.name) from error

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Offer the values that are allowed, if they can be listed."""
        choices = map(str, self.field.choices)
        return [CompletionItem(each) for each in choices if each.startswith(incomplete)]


def field_option(name: str, **replaced: Any) -> Callable:
    """Return the option of a recipe's field. It is None where it is not typed, so that the default
    stays the recipe's.
    """
    field = Recipe.fields()[name]
    is_flag = bool in field.kinds
    no_default = field.default in (None, ()) or is_flag
    default = "" if no_default else f"  [default: {field.default}]"
    options: dict[str, Any] = {"help": field.description + default, "default": None} | replaced
    if is_flag:
        return click.option(f"{field.option}/--no-{field.option[2:]}", **options)
    return click.option(field.option, type=FieldValue(field), metavar=field.metavar, **options)


def typed(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that were typed. The others are None, or empty if they may be repeated.

    An option for which this must work has no default in click.
    """
    return {name: value for name, value in options.items() if value not in (None, ())}


def option_names(names: Any) -> str:
    """Return names of arguments as they are typed: ``--batch-size, --bits``."""
    typed_as = {"settings": "set"}
    return ", ".join(f"--{typed_as.get(name, name).replace('_', '-')}" for name in names)


network_options = stack(
    *[
        field_option(name)
        for name, field in Recipe.fields().items()
        if field.group == "network" and name not in OWN_OPTIONS
    ],
    field_option("input_shape"),
    *PARAMETERS.values(),
)
"""Of a network that is not trained: a run and a file know their own."""

classes_option = click.option("--num-classes", type=int, help="Width of the classifier.")
seed_option = field_option(
    "seed", help="Seed of random weights, order and augmentation.  [default: 0]"
)
download_option = click.option(
    "--download",
    is_flag=True,
    help="Fetch the data set through tensorflow-datasets if it is not there.",
)
corrupt_option = field_option(
    "corrupt",
    help="With corrupt images: refuse the data set, or skip them.  [default: as the run did; else "
    "refuse]",
)
data_dir_option = field_option("data_dir", help="Folder of the data set's files.")
data_options = stack(data_dir_option, corrupt_option, download_option)
dataset_help = Recipe.fields()["dataset"].description
dataset_option = field_option(
    "dataset", help=f"{dataset_help}  [default: what it was trained on; digits for a name]"
)
weights_option = click.option(
    "--weights",
    metavar="best|last|FILE",
    help="For a run directory: best or last. For a network by name: a weights file (.h5) with the "
    "weights of every layer.  [default: best; random]",
)
unknown_operators_option = click.option(
    "--unknown-operators",
    is_flag=True,
    help="Also run a .tflite with operators that the check of files does not know.",
)
engine_options = stack(
    click.option("--engine", help="What runs a .tflite.  [default: the fastest that is installed]"),
    click.option("--threads", type=click.IntRange(1, 256), help="Of the engine.  [default: 1]"),
    unknown_operators_option,
)

results_option = click.option(
    "--runs",
    "results",
    metavar="CSV",
    multiple=True,
    type=click.Path(),
    help="The CSV of an experiment, like experiments/results/fashion_mnist.csv; may be repeated.",
)
latency_option = click.option(
    "--latency",
    "latencies",
    type=click.Path(),
    help="Output of `larq-igp benchmark --json`, to show it.",
)


def complete_source(ctx: click.Context, param: click.Parameter, incomplete: str) -> list:
    """Complete a network's name in the shell, or a file's."""
    names = [CompletionItem(name) for name in ZOO if name.startswith(incomplete)]
    return names or [CompletionItem(incomplete, type="file")]


SOURCE = (
    "SOURCE is a run directory, the name of a network or larq_zoo:NAME, a recipe file (.toml), a "
    "model that Keras has saved (.keras, .h5, SavedModel) or a .tflite."
)
remote_options = stack(
    click.option(
        "--on",
        metavar="ssh://USER@HOST[:PORT]|adb[:SERIAL]",
        help="Run a .tflite on that machine, with larq-igp-runtime.",
    ),
    click.option(
        "--wheel",
        type=click.Path(),
        help="With --on: a wheel of larq-igp-runtime, or a folder of wheels, like runtime/dist; "
        "the one for the machine is copied, not installed.  [default: what is installed there]",
    ),
    click.option(
        "--remote-python", default="python3", show_default=True, help="With --on: the Python there."
    ),
)


def open_there(on: str, sources: Sequence[str], wheel: str | None, python: str) -> Any:
    """Return another machine that ``remote_options`` name, for files that can be copied there.

    Raises:
        UserError: if the name is not valid, or a source is not a ``.tflite``.
    """
    from larq_igp.deploy.remote.machine import open_remote
    from larq_igp.deploy.remote.transports import RemoteError

    for source in sources:
        if Path(source).suffix != ".tflite" or not Path(source).is_file():
            raise RemoteError(
                f"{source} is not a .tflite file: convert it first with `larq-igp convert`."
            )
    return open_remote(on, python=python, wheels=wheel)


source_argument = click.argument("source", metavar="SOURCE", shell_complete=complete_source)


def open_typed(source: str, options: dict[str, Any], *, for_images: bool = False) -> Any:
    """Open the source of a command, with the options that were typed.

    Args:
        source: see ``larq_igp.inference.opening.open_layer``.
        options: of the network and ``--weights``; those that were not typed are None.
        for_images: see ``open_layer``.
    """
    from larq_igp.inference.opening import open_layer

    return open_layer(source, from_options(typed(options), PARAMETERS), for_images=for_images)
