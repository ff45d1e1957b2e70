"""Options that several commands share."""

from collections.abc import Callable
from typing import Any

import click
from click.shell_completion import CompletionItem

from larq_igp.architectures.zoo import ZOO
from larq_igp.training.recipe import Recipe
from larq_igp.training.recipe.fields import Field, RecipeError, require


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
    no_default = field.default in (None, ()) or field.kind is bool
    default = "" if no_default else f"  [default: {field.default}]"
    options = {"help": field.meta.description + default, "default": None} | replaced
    if field.kind is bool:
        return click.option(f"{field.option}/--no-{field.option[2:]}", **options)
    return click.option(field.option, type=FieldValue(field), metavar=field.metavar, **options)


def typed(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that were typed. The others are None, or empty if they may be repeated.

    This is the one place that decides it: an option that counts as typed has no default in click.
    """
    return {name: value for name, value in options.items() if value not in (None, ())}


def option_names(names: Any) -> str:
    """Return names of arguments as they are typed: ``--batch-size, --bits``."""
    return ", ".join(f"--{name.replace('_', '-')}" for name in names)


bits_option = click.option(
    "--bits",
    type=click.Choice(["1", "2", "32"]),
    default="1",
    show_default=True,
    callback=lambda ctx, param, value: int(value),
    help="Width of weights and activations between stem and head.",
)
shape_option = click.option(
    "--input-shape", type=SHAPE, help="Height, width, channels of the input."
)
classes_option = click.option("--num-classes", type=int, help="Width of the classifier.")

network_options = stack(
    bits_option,
    shape_option,
    click.option(
        "--pad-values",
        type=click.IntRange(0, 1),
        help="Padding of quantized convolutions.  [default: 1 at 1 bit, else 0]",
    ),
    click.option(
        "--stem",
        type=click.Choice(["auto", "imagenet", "small"]),
        default="auto",
        show_default=True,
        help="auto: small (3x3/1) for images up to 64 px, imagenet (7x7/2, pooling) above.",
    ),
    *PARAMETERS.values(),
)

download_option = click.option(
    "--download",
    is_flag=True,
    help="Fetch the data set through tensorflow-datasets if it is not there.",
)
data_options = stack(field_option("data_dir"), download_option)
dataset_help = Recipe.fields()["dataset"].meta.description

subject_dataset_option = click.option(
    "--dataset", help="Data set.  [default: the run's; digits for a name]"
)
weights_option = click.option(
    "--weights",
    type=click.Choice(["best", "last"]),
    default="best",
    show_default=True,
    help="Of a run directory.",
)

seed_option = click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    help="Of initial weights, order and augmentation.",
)


def pop_parameters(options: dict[str, Any]) -> dict[str, Any]:
    """Take the specification's parameters that were given out of a command's options."""
    given = {name: options.pop(name) for name in PARAMETERS}
    return {name: value for name, value in given.items() if value is not None}


def complete_network(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Complete a network's name in the shell."""
    return [name for name in ZOO if name.startswith(incomplete)]


network_argument = click.argument("network", metavar="NAME", shell_complete=complete_network)
