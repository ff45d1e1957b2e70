"""What all commands share: how they fail, and how they print."""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, redirect_stdout
from types import FrameType
from typing import Any

import click

from larq_igp.cli.modules import following
from larq_igp.errors import UserError
from larq_igp.files import check_writable, write_atomically
from larq_igp.packages import absence
from larq_igp.spelling import closest
from larq_igp.tables import FORMS, Table, aligned
from larq_igp.terminal import loud_libraries, printable, waiting_for


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
                f"{closest(args[0], list(self.commands))}`{ctx.command_path} --help` shows all."
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


def _show_libraries(ctx: click.Context, param: click.Parameter, is_typed: bool) -> None:
    if is_typed:
        loud_libraries()


verbose_option = click.option(
    "--verbose",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_libraries,
    help="Show what TensorFlow and other libraries print.",
)
"""Of every command."""


@contextmanager
def progress_on_stderr(as_json: bool, doing: str | None = None) -> Iterator[None]:
    """While the work is done, keep standard output free for the one JSON document.

    Args:
        as_json: whether one will be printed.
        doing: what a terminal shows meanwhile, with the time. By default only that TensorFlow
            starts: what follows shows its own progress.
    """
    with ExitStack() as held:
        if doing:
            held.enter_context(waiting_for(doing))
        if as_json:
            held.enter_context(redirect_stdout(sys.stderr))
        with nullcontext() if doing else waiting_for("starting TensorFlow"):
            # Ahead of larq, which would bring TensorFlow in with all that it says unasked.
            import larq_igp.keras2  # noqa: F401

        yield


def warn_of_random_weights(subject: Any) -> None:
    """Say on standard error that a network is not trained, where its answers are shown."""
    if subject.has_random_weights:
        warning = f"warning: {subject.source} is not trained: its weights are random"
        click.echo(printable(warning), err=True)


def emit(as_json: bool, document: Any, text: str, *, then: Iterable[Sequence[str]] = ()) -> None:
    """Print the result of a command.

    Args:
        as_json: whether to print the document instead of the text.
        document: the result for JSON.
        text: the result for a terminal.
        then: commands that make sense next, each as its words after ``larq-igp``.
    """
    if as_json:
        click.echo(json.dumps(document, indent=2, allow_nan=False))
        return
    commands = ", or ".join(following(*words) for words in then)
    click.echo(printable(f"{text}\nnext: {commands}" if commands else text))


def table_options(default: str) -> Callable:
    """Return a decorator with the options of a command that prints a table: ``print_table`` takes
    what they give.
    """

    def decorate(function: Callable) -> Callable:
        for option in (
            json_option,
            click.option("-o", "--output", type=click.Path(), help="Write to this file instead."),
            click.option(
                "--format",
                "form",
                type=click.Choice([*FORMS, "json"]),
                default=default,
                show_default=True,
                help="Format of the table; latex needs the package booktabs.",
            ),
        ):
            function = option(function)
        return function

    return decorate


def print_table(make: Callable[[], Table], *, form: str, output: str | None, as_json: bool) -> None:
    """Make a table and print it, or write it to a file.

    Raises:
        UserError: if the options contradict each other, or the file cannot be written.
    """
    if as_json and form in ("markdown", "csv", "latex") and _is_typed("form"):
        raise UserError(f"--json and --format {form} contradict each other: give one of them.")
    if output:
        check_writable(output)
    with progress_on_stderr(True, "counting"):
        made = make()
    if as_json or form == "json":
        text = json.dumps(made.to_json(), indent=2, ensure_ascii=False)
    else:
        text = made.to(form)
    if output:
        write_atomically(output, f"{text}\n".encode())
        rows = len(made.rows)
        click.echo(f"{output}: {rows} row{'s' * (rows != 1)}", err=as_json)
    else:
        click.echo(text if as_json or form == "json" else printable(text))


def _is_typed(option: str) -> bool:
    source = click.get_current_context().get_parameter_source(option)
    return source is click.core.ParameterSource.COMMANDLINE


def table(rows: Sequence[tuple], header: Sequence[str]) -> str:
    """Align columns for a terminal: the first to the left, the others to the right."""
    return _tabulated(rows, header, "plain")


def markdown_table(rows: Sequence[tuple], header: Sequence[str]) -> str:
    """Return a Markdown table, the first column to the left, the others to the right."""
    return _tabulated(rows, header, "pipe")


def _tabulated(rows: Sequence[tuple], header: Sequence[str], form: str) -> str:
    return aligned(rows, header, form, ("left", *["right"] * (len(header) - 1)))
