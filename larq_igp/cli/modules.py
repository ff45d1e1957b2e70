"""``--import``: modules of the user, which register networks."""

import importlib
import importlib.util
import os
import shlex
import sys
from pathlib import Path

import click

from larq_igp.errors import UserError

MODULES = "LARQ_IGP_IMPORT"
"""Environment variable with the modules of ``--import``, separated as in PATH. The workers of
``launch`` read it.
"""


def import_modules(modules: tuple[str, ...]) -> None:
    """Import files (``my_blocks.py``) and installed modules (``my_package.blocks``).

    Raises:
        UserError: if one does not exist, or an exception leaves it.
    """
    if not modules:
        return
    import larq_igp.keras2  # noqa: F401  quietly, before a module imports TensorFlow

    named = [str(Path(each).absolute()) if each.endswith(".py") else each for each in modules]
    for each in named:
        try:
            _import(each)
        except UserError as error:
            raise UserError(f"--import {each}: {error}") from error
        except Exception as error:
            line = _line_of(error, each)
            raise UserError(
                f"--import {each}: {type(error).__name__}{line}: {error or 'no message'}"
            ) from error
    os.environ[MODULES] = os.pathsep.join(named)


def following(*words: str) -> str:
    """Return a command as a line for a shell, with the ``--import`` of the current command."""
    root = click.get_current_context().find_root()
    is_typed = root.get_parameter_source("modules") is click.core.ParameterSource.COMMANDLINE
    imports = [word for each in root.params["modules"] for word in ("--import", each)]
    return shlex.join(["larq-igp", *(imports if is_typed else []), *words])


def _import(module: str) -> None:
    if not module.endswith(".py"):
        importlib.import_module(module)
        return
    path = Path(module)
    if not path.is_file():
        raise UserError("the file does not exist.")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    loaded = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, loaded)  # for dataclasses and pickle, which look there
    spec.loader.exec_module(loaded)


def _line_of(error: BaseException, module: str) -> str:
    """Return where in a module an exception came from, as ``, line 7``."""
    lines, trace = [], error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename == module:
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    return f", line {lines[-1]}" if lines else ""
