"""What all commands share: how they fail, and how they print."""

import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from types import FrameType
from typing import Any

import click
import tabulate

from larq_igp.architectures.zoo import closest
from larq_igp.errors import UserError
from larq_igp.packages import absence
from larq_igp.terminal import printable

tabulate.MIN_PADDING = 0  # a column is as wide as its widest cell, and no wider


class Refusal(click.ClickException):
    """One sentence on standard error, exit code 2."""

    exit_code = 2

    def __init__(self, message: str):
        super().__init__(printable(message))


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
        """Run a command; what the user can fix becomes one sentence."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            signal.signal(signal.SIGINT, _end_at_once)
            raise click.exceptions.Exit(128 + signal.SIGINT) from error
        except UserError as error:
            raise Refusal(str(error)) from error
        except ModuleNotFoundError as error:
            raise Refusal(absence(error)) from error
        except OSError as error:
            if error.filename is None and error.strerror is None:
                raise
            raise Refusal(
                ": ".join(str(part) for part in (error.filename, error.strerror) if part)
            ) from error


def _end_at_once(number: int, frame: FrameType | None) -> None:
    """Answer another Ctrl-C, which would interrupt what the first one ends."""
    os._exit(128 + number)


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


def warn_of_random_weights(subject: Any) -> None:
    """Say on standard error that a network is not trained, where its answers are shown; of a file
    without a card, and of a model of one's own, nobody knows.
    """
    is_unknown = subject.kind in ("tflite", "keras") and subject.card is None
    if not subject.is_trained and not is_unknown:
        warning = f"warning: {subject.source} is not trained: its weights are random"
        click.echo(printable(warning), err=True)


def emit(as_json: bool, document: Any, text: str) -> None:
    """Print the result of a command: the document as JSON, or the text."""
    click.echo(json.dumps(document, indent=2, allow_nan=False) if as_json else printable(text))


def table(rows: Sequence[tuple], header: Sequence[str]) -> str:
    """Align columns for a terminal: the first to the left, the others to the right."""
    return _tabulated(rows, header, "plain")


def markdown_table(rows: Sequence[tuple], header: Sequence[str]) -> str:
    """Return a Markdown table, the first column to the left, the others to the right."""
    return _tabulated(rows, header, "pipe")


def _tabulated(rows: Sequence[tuple], header: Sequence[str], form: str) -> str:
    align = ("left", *["right"] * (len(header) - 1))
    return tabulate.tabulate(  # cells are formatted already
        rows, header, tablefmt=form, disable_numparse=True, colalign=align if rows else None
    )
