"""The fields of a recipe as the table of ``docs/recipes.md``."""

from dataclasses import MISSING

from tabulate import tabulate

from larq_igp.training.recipe.fields import Field
from larq_igp.training.recipe.recipe import Recipe

HEADER = ("field", "takes", "unit", "default", "what it is")


def fields_table() -> str:
    """Return the table in Markdown."""
    rows = [_row(each) for each in Recipe.fields().values()]
    return tabulate(rows, HEADER, tablefmt="pipe", disable_numparse=True)


def _row(field: Field) -> tuple[str, ...]:
    if field.default is MISSING:
        default = "must be given"
    else:
        default = "none" if field.default in (None, (), {}) else f"`{field.default}`"
    what = field.description.replace("||", "\\|\\|")
    return f"`{field.name}`", field.words, field.unit or "-", default, what
