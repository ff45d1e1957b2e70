"""Which room imports which, that nothing heavy comes in unasked, and what other systems lack."""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import larq_igp

REPOSITORY = Path(__file__).parents[1]
PACKAGE = REPOSITORY / "larq_igp"
SMALL = "errors versions packages terminal files spelling tables keras2"
TRAINING = "training.recipe training.run training.cluster training.fit training.train"
BELOW_TRAINING = f"{SMALL} architectures models graph data"
BELOW_INFERENCE = f"{BELOW_TRAINING} analysis {TRAINING} deploy"
FLOORS = {
    "errors": "",
    "versions": "",
    "packages": "versions",
    "terminal": "",
    "files": "errors",
    "spelling": "",
    "tables": "",
    "keras2": "errors packages",
    "architectures": "errors spelling",
    "models": f"{SMALL} architectures",
    "graph": f"{SMALL} architectures",
    "data": f"{SMALL} architectures",
    "analysis": f"{SMALL} architectures models graph",
    "training.recipe": f"{SMALL} architectures data",
    "training.run": f"{BELOW_TRAINING} training.recipe",
    "training.cluster": SMALL,
    "training.fit": f"{BELOW_TRAINING} training.recipe training.run training.cluster",
    "training.train": f"{SMALL} data training.recipe training.run training.fit",
    "deploy": BELOW_TRAINING,
    "inference": BELOW_INFERENCE,
    "paper": f"{BELOW_INFERENCE} inference",
    "search": f"{BELOW_INFERENCE} inference",
    "report": f"{BELOW_INFERENCE} inference paper search",
    "trained": f"{BELOW_INFERENCE} inference report",
    "cli": f"{BELOW_INFERENCE} inference paper search report",
    "__main__": "packages cli",
}
"""A room -> what it may import besides itself; the lowest first, so there are no circles."""


def room_of(module: str) -> str:
    """Return the room of a module: ``larq_igp.training.fit.loop`` is in ``training.fit``."""
    parts = module.split(".")[1:]
    return ".".join(parts[: 2 if parts[:1] == ["training"] else 1])


def module_of(file: Path) -> str:
    parts = file.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> dict[str, Path]:
    return {module_of(file): file for file in sorted(PACKAGE.rglob("*.py"))}


def resolve(module: str, name: str | None = None) -> str:
    """Return the module that an import reads: of a name, the submodule if it is one, or where the
    package's lazy name comes from.
    """
    if name and f"{module}.{name}" in modules():
        return f"{module}.{name}"
    if module == "larq_igp" and name in larq_igp._LAZY:
        return larq_igp._LAZY[name]
    return module


def imports(tree: ast.AST, module: str, is_package: bool) -> Iterator[str]:
    """Yield each module of this package that a file names: imported at the top or in a function,
    absolute or relative, as an attribute of the package, or as a string for ``importlib``.
    """
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom(level=level):
                parents = module.split(".")[: len(module.split(".")) - level + is_package]
                base = ".".join([*(parents if level else []), *filter(None, [node.module])])
                yield from (resolve(base, alias.name) for alias in node.names)
            case ast.Attribute(value=ast.Name(id="larq_igp"), attr=name):
                yield resolve("larq_igp", name)
            case ast.Constant(value=str(text)) if id(node) not in documentation:
                if re.fullmatch(r"larq_igp(\.\w+)+\.?", text):
                    yield text.rstrip(".")


def imported_rooms(module: str) -> set[str]:
    file = modules()[module]
    found = imports(ast.parse(file.read_text()), module, file.name == "__init__.py")
    return {room_of(each) for each in found if each.partition(".")[0] == "larq_igp"}


def test_every_kind_of_import_is_seen():
    code = """
import larq_igp.cli
from larq_igp import data, build, __version__
from larq_igp.models.build import build
from . import loop
from ..run import lock
def lazily():
    from larq_igp.deploy import convert
    larq_igp.count(larq_igp.__version__)
    import_module(f"larq_igp.paper.{table}")
    import_module("larq_igp.report.page")
    "larq_igp.search is only mentioned"
"""
    assert sorted(set(imports(ast.parse(code), "larq_igp.training.fit.train", False))) == [
        "larq_igp",
        "larq_igp.analysis",
        "larq_igp.cli",
        "larq_igp.data",
        "larq_igp.deploy.convert",
        "larq_igp.models",
        "larq_igp.models.build",
        "larq_igp.paper",
        "larq_igp.report.page",
        "larq_igp.training.fit.loop",
        "larq_igp.training.run.lock",
    ]


def test_every_room_has_a_floor_and_stands_on_lower_ones():
    rooms = {room_of(module) for module in modules()} - {"", "training"}
    assert rooms == set(FLOORS)
    below: set[str] = set()
    for room, allowed in FLOORS.items():
        assert set(allowed.split()) <= below, room
        below.add(room)


@pytest.mark.parametrize("room", FLOORS)
def test_rooms_import_only_what_they_may(room):
    allowed = {*FLOORS[room].split(), room, ""}
    found = {
        (room, other)
        for module in modules()
        if room_of(module) == room
        for other in imported_rooms(module) - allowed
    }
    assert not found


def test_the_package_gives_the_rooms_nothing_but_its_version():
    """``larq_igp.build`` is for users: a room says which room it builds upon."""
    for module, file in modules().items():
        tree = ast.parse(file.read_text())
        names = {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "larq_igp"
        }
        names |= {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == "larq_igp"
            for alias in node.names
        }
        assert names <= {"__version__"}, module


def test_contributing_shows_the_floors():
    text = (REPOSITORY / "CONTRIBUTING.md").read_text()
    table = re.search(r"<!-- floors -->\n(.*?)<!-- /floors -->", text, re.DOTALL)[1]
    rows = [line.split("|")[1] for line in table.splitlines()[2:]]
    assert re.findall(r"`([\w.]+)`", " ".join(rows)) == [*FLOORS][:-1]


def run_python(code: str, *arguments: str) -> subprocess.CompletedProcess:
    environment = {
        name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"
    }
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )


IMPORT_EACH = """
import importlib, json, os, sys
import larq_igp.keras2, larq  # heavy, and imported once; each child starts from here
failed = []
for module in json.loads(sys.argv[1]):
    child = os.fork()
    if not child:
        importlib.import_module(module)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        failed.append(module)
sys.exit(f"cannot be imported first: {failed}" if failed else 0)
"""


@pytest.mark.slow
def test_every_module_can_be_imported_first():
    finished = run_python(IMPORT_EACH, json.dumps(list(modules())))
    assert finished.returncode == 0, finished.stderr


UNIX_MODULES = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}
UNIX_NAMES = """
    os.fork os.forkpty os.getuid os.geteuid os.getgid os.killpg os.mkfifo os.openpty os.pread
    os.preadv os.pwrite os.sched_getaffinity os.sched_setaffinity os.setsid os.setpgid os.statvfs
    os.sync os.uname os.wait3 os.wait4 signal.SIGALRM signal.SIGCHLD signal.SIGCONT signal.SIGHUP
    signal.SIGKILL signal.SIGPIPE signal.SIGQUIT signal.SIGSTOP signal.SIGTSTP signal.SIGUSR1
    signal.SIGUSR2 signal.alarm signal.pause signal.pthread_kill signal.pthread_sigmask
    signal.setitimer signal.sigwait socket.AF_UNIX time.tzset
"""


def test_nothing_is_imported_that_other_systems_lack():
    """What only Linux or Unix has is looked up by ``hasattr`` or ``getattr``, or left alone."""
    lacking = set()
    for module, file in modules().items():
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Import():
                    used = {alias.name for alias in node.names} & UNIX_MODULES
                case ast.ImportFrom(module=str(name)):
                    used = {name} & UNIX_MODULES
                case ast.Attribute(value=ast.Name(id=name), attr=attribute):
                    used = {f"{name}.{attribute}"} & set(UNIX_NAMES.split())
                case _:
                    used = set()
            if used:
                lacking.add(module)
    assert not lacking


@pytest.mark.parametrize(
    "arguments", [["--help"], ["list"], ["list", "--json"], ["train", "--help"], ["nonsense"]]
)
def test_quick_commands_do_not_import_tensorflow(arguments):
    code = f"""
import sys
from larq_igp.cli import main
try:
    main({arguments!r})
except SystemExit:
    heavy = [name for name in ("tensorflow", "numpy", "larq", "sklearn") if name in sys.modules]
    sys.exit(f"imported: {{heavy}}" if heavy else 0)
"""
    finished = run_python(code)
    assert finished.returncode == 0, finished.stderr


def test_importing_the_package_selects_keras_2_without_tensorflow():
    code = (
        "import os, sys, larq_igp; assert os.environ['TF_USE_LEGACY_KERAS'] == '1'; assert "
        "'tensorflow' not in sys.modules"
    )
    assert run_python(code).returncode == 0


@pytest.mark.slow
def test_the_lazy_names_are_there():
    for name in larq_igp.__all__:
        assert getattr(larq_igp, name) is not None
        assert name in dir(larq_igp)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        larq_igp.nothing  # noqa: B018
