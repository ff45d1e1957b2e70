"""What all commands share: how they fail, and how they print."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

import click

from larq_igp.architectures.zoo import closest
from larq_igp.errors import UserError


class Refusal(click.ClickException):
    """One sentence on standard error, exit code 2."""

    exit_code = 2


class Group(click.Group):
    """A group that keeps the order of its commands, offers the nearest for a mistyped one, and
    turns errors into sentences.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which one uses them."""
        return list(self.commands)

    def resolve_command(self, ctx: click.Context, args: list[str]):
        """Find a command, or offer the nearest."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            raise Refusal(
                f"no command is named {args[0]!r}. "
                f"{closest(args[0], list(self.commands))}`larq-igp --help` shows all."
            )
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what the user can mend becomes one sentence."""
        try:
            return super().invoke(ctx)
        except UserError as error:
            raise Refusal(str(error)) from error
        except OSError as error:
            if error.filename is None and error.strerror is None:
                raise
            raise Refusal(
                ": ".join(str(part) for part in (error.filename, error.strerror) if part)
            ) from error


json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document on standard output."
)


@contextmanager
def progress_on_stderr(as_json: bool) -> Iterator[None]:
    """While the work is done, keep standard output free for the one JSON document."""
    import larq_igp.keras2  # noqa: F401  ahead of larq, which would bring TensorFlow in with all that it says unasked

    if not as_json:
        yield
        return
    with redirect_stdout(sys.stderr):
        yield


def emit(as_json: bool, document: Any, text: str) -> None:
    """Print the result of a command: the document as JSON, or the text."""
    click.echo(json.dumps(document, indent=2, allow_nan=False) if as_json else text)


def table(rows: list[tuple], header: tuple[str, ...]) -> str:
    """Align columns for a terminal: the first to the left, the others to the right."""
    cells = [header, *[tuple(str(cell) for cell in row) for row in rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    lines = [
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *[cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)],
            ]
        )
        for row in cells
    ]
    return "\n".join(line.rstrip() for line in lines)


def markdown_table(rows: list[tuple], header: tuple[str, ...]) -> str:
    """Return a Markdown table, the first column to the left, the others to the right."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(
        "| " + " | ".join(str(cell) for cell in row) + " |" for row in [header, rule, *rows]
    )
