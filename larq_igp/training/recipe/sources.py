"""Where the values of a recipe come from: files, options, ``--set``. The later wins, and an error
names the source of what it is about.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from larq_igp.errors import UserError
from larq_igp.training.recipe.fields import RecipeError, parse_any, require, unknown_field
from larq_igp.training.recipe.files import is_recipe_file, read_recipe_files
from larq_igp.training.recipe.recipe import TWIN, Recipe

PARAMETERS = "parameters."
PATHS = ("data_dir", "teacher", "initial_weights", "body_weights")


class Given(NamedTuple):
    """A value and its source: ``my.toml``, ``--epochs``, ``--set epochs=3``; '' if unknown."""

    value: Any
    source: str


Layer = dict[str, Given]
"""Values by field; a parameter of the network is a field ``parameters.filters``."""


def _layer(values: Mapping[str, Any], source: str) -> Layer:
    layer: Layer = {}
    for name, value in values.items():
        if name == "parameters" and isinstance(value, Mapping):
            layer |= {PARAMETERS + key: Given(part, source) for key, part in value.items()}
        else:
            layer[name] = Given(value, source)
    return layer


def named(network: str) -> list[Layer]:
    """Return the layers of a network's name, or of a recipe file: first what it extends.

    Raises:
        UserError: if a file cannot be read.
    """
    if not is_recipe_file(network):
        return [from_keywords({"network": network})]
    return [_layer(values, str(file)) for file, values in read_recipe_files(network)]


def from_keywords(values: Mapping[str, Any]) -> Layer:
    """Return a layer of values that Python code gives; ``parameters`` is a dict."""
    return _layer(values, "")


def from_options(values: Mapping[str, Any], parameters: Iterable[str]) -> Layer:
    """Return a layer of options that were typed.

    Args:
        values: by the names of fields and of parameters.
        parameters: which of these names are parameters of the network.
    """
    return {
        (PARAMETERS if name in parameters else "") + name: Given(
            value, f"--{name.replace('_', '-')}"
        )
        for name, value in values.items()
    }


def from_settings(settings: Iterable[str]) -> Layer:
    """Return a layer of ``key=value`` texts; ``parameters.filters=31`` sets one parameter of the
    network.

    Raises:
        RecipeError: if a text has no ``=``, the field is unknown, or the value is not of its type.
    """
    fields, layer = Recipe.fields(), Layer()
    for setting in settings:
        source = f"--set {setting}"
        name, equals, text = setting.partition("=")
        name = name.strip()
        require(bool(name and equals), f"--set takes key=value; got {setting!r}.")
        require(
            name != "parameters",
            f"{source}: give one parameter at a time, like --set parameters.filters=31.",
        )
        if name.startswith(PARAMETERS):
            layer[name] = Given(parse_any(text), source)
            continue
        require(name in fields, f"{source}: {unknown_field(name, fields)}")
        try:
            layer[name] = Given(fields[name].parse(text), source)
        except RecipeError as error:
            raise RecipeError(f"{source}: {error}", name) from error
    return layer


def make_recipe(*layers: Layer) -> Recipe:
    """Return the recipe of several layers; later layers win.

    Paths are made absolute: they are relative to the current folder, and a run may be resumed or
    evaluated from another.

    Raises:
        UserError: if a value is not allowed, or nothing reads it; the source of the value stands
            before the sentence.
    """
    given: Layer = {}
    for layer in layers:
        given |= layer
    fields = Recipe.fields()
    for name in given:
        if not name.startswith(PARAMETERS) and name not in fields:
            raise RecipeError(_sourced(unknown_field(name, fields), (name,), given), name)
    if "data_dir" in given and "dataset" not in given:
        given["dataset"] = _seen_in(given["data_dir"])
    if "network" not in given:
        sources = {each.source for each in given.values()}
        raise RecipeError(_prefixed("not a recipe: network is missing.", sources), "network")
    try:
        recipe = Recipe(**_values(given))
        _check_read(recipe, layers)
    except UserError as error:
        raise type(error)(_sourced(str(error), error.fields, given)) from error
    return recipe


def _seen_in(folder: Given) -> Given:
    """Return the data set that a folder is seen to hold, where nothing names it."""
    from larq_igp.data.detect import dataset_in

    if not isinstance(folder.value, str):
        return Given("folder", folder.source)  # refused as a folder's name, with its source
    try:
        return Given(dataset_in(Path(folder.value)), folder.source)
    except UserError as error:
        raise RecipeError(str(error), "data_dir") from error


def _values(given: Layer) -> dict[str, Any]:
    values = {name: each.value for name, each in given.items() if not name.startswith(PARAMETERS)}
    parameters = {
        name.removeprefix(PARAMETERS): each.value
        for name, each in given.items()
        if name.startswith(PARAMETERS)
    }
    for name in PATHS:
        if isinstance(values.get(name), str) and (name, values[name]) != ("teacher", TWIN):
            values[name] = str(Path(values[name]).absolute())
    return {"parameters": parameters, **values} if parameters else values


def _sourced(sentence: str, about: Iterable[str], given: Layer) -> str:
    names = [name for field in about for name in given if f"{name}.".startswith(f"{field}.")]
    return _prefixed(sentence, dict.fromkeys(given[name].source for name in names))


def _prefixed(sentence: str, sources: Iterable[str]) -> str:
    named = " and ".join(source for source in sources if source)
    return f"{named}: {sentence}" if named else sentence


def _check_read(recipe: Recipe, layers: tuple[Layer, ...]) -> None:
    """Refuse a value that nothing reads, like the momentum of Adam. It is allowed in an earlier
    layer than the option that makes it unused: a file's momentum is not a mistake with
    ``--optimizer adam``.
    """
    rank = {name: number for number, layer in enumerate(layers) for name in layer}
    for name, field in Recipe.fields().items():
        for decider, readers in field.used_by.items():
            value = getattr(recipe, decider)
            is_read = value in readers if readers else value is not None
            if is_read or name not in rank or rank[name] < rank.get(decider, -1):
                continue
            wanted = f"{decider} {' or '.join(readers)}" if readers else f"a {decider}"
            raise RecipeError(f"{name} is for {wanted}; this recipe has {value or 'none'}.", name)
