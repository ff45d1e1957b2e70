"""Each package is taken away in turn: a command works without it, or one sentence names it."""

import ast
import configparser
import json
import re
import sys
from importlib import metadata
from pathlib import Path

import pytest

from larq_igp.packages import PACKAGES, Package, absence
from tests.absent import REPOSITORY, run_in, site_without

IMPORTED_BY_LARQ = {"terminaltables >=3.1", "packaging"}
IMPORTED_BY_DATASETS = {"importlib-resources", "tensorflow-metadata <1.18"}
COME_WITH_TENSORFLOW = {"absl", "flatbuffers", "google", "ml_dtypes"}
FIXTURES = REPOSITORY / "tests" / "fixtures" / "version_0.1.0"
RUN, NET = str(FIXTURES / "finished"), str(FIXTURES / "net.tflite")
TINY = ["igp_resnet_tiny", "--input-shape", "28,28,1"]
COMMANDS = {
    "list": ["list"],
    "summary": ["summary", *TINY],
    "paths": ["paths", *TINY],
    "capability": ["capability", *TINY],
    "gradients": ["gradients", RUN, "--batches", "2", "--no-twin"],
    "gradients --plot": ["gradients", RUN, "--batches", "2", "--no-twin", "--plot", "noise.png"],
    "design": ["design", "--like", "igp_resnet_tiny", "--family", "igp_resnet", "--columns", "2"],
    "reproduce": ["reproduce", "table3"],
    "data check": ["data", "check", "digits"],
    "data check cifar10": ["data", "check", "cifar10"],
    "train": ["train", *TINY, "--dry-run"],
    "train larq-zoo": ["train", "larq_zoo:BiRealNet", "--dry-run"],
    "runs": ["runs", str(FIXTURES)],
    "evaluate run": ["evaluate", RUN],
    "evaluate file": ["evaluate", NET],
    "predict": ["predict", NET, str(REPOSITORY / "docs" / "images" / "report.png")],
    "convert": ["convert", RUN, "-o", "net.tflite"],
    "convert lce": ["convert", RUN, "-o", "theirs.tflite", "--converter", "lce"],
    "convert 32": ["convert", *TINY, "--bits", "32", "-o", "twin.tflite"],
    "benchmark": ["benchmark", NET, "--runs", "2", "--warmup", "0", "--no-twin"],
    "report": ["report", "-o", "page.html"],
    "doctor": ["doctor"],
}
NO_TENSORFLOW, NO_NETWORK = {"list", "runs"}, {"data check", "data check cifar10"}
ALL = set(COMMANDS) - {"doctor"}
NEEDED = {
    "tensorflow": ALL - NO_TENSORFLOW,
    "tf-keras": ALL - NO_TENSORFLOW,
    "numpy": ALL - NO_TENSORFLOW,
    "larq": ALL - NO_TENSORFLOW - NO_NETWORK,
    "h5py": ALL - NO_TENSORFLOW - NO_NETWORK,
    "safetensors": {"train"},
    "tqdm": {"train"},
    "rich": set(),
    "pillow": {"predict"},
    "filelock": {"train", "runs"},
}
"""What each needed package is needed for; ``list`` and, where it is not named, ``runs`` work."""
NEEDED_TO_START = ["click", "msgspec", "tabulate"]
OPTIONAL = [
    {
        "train larq-zoo": "larq-zoo",
        "data check cifar10": "tensorflow-datasets",
        "convert": None,
        "benchmark": None,
        "evaluate file": None,
    },
    {
        "gradients --plot": "matplotlib",
        "report": "matplotlib",
        "convert": None,
        "convert lce": "larq-compute-engine",
        "convert 32": None,
        "benchmark": None,
        "evaluate file": None,
        "predict": None,
    },
    {"train": "scipy", "gradients": "scipy", "summary": None},
    {"train": "scikit-learn", "evaluate run": "scikit-learn", "data check": "scikit-learn"},
]
"""Optional packages that are taken away together, as what each command says is missing; None if it
works without.
"""
WITHOUT_A_COMMAND = [["larq-igp-runtime"], [], [], []]
"""Those that are taken away too, and that no command needs."""
RUN_THEM = """
import importlib, json, pkgutil, sys, traceback
commands, is_optional = json.loads(sys.argv[1])
import click.testing
import larq_igp
from larq_igp.cli import main
outcomes = {}
for name, arguments in commands.items():
    result = click.testing.CliRunner().invoke(main, arguments)
    outcomes[name] = [result.exit_code, result.stderr, result.stdout]
    if result.exception and not isinstance(result.exception, SystemExit):
        outcomes[name][1] = "".join(traceback.format_exception(result.exception))
if is_optional:  # no module needs it to be imported
    for module in pkgutil.walk_packages(larq_igp.__path__, "larq_igp."):
        importlib.import_module(module.name)
print(json.dumps(outcomes))
"""


def package(name: str) -> Package:
    (found,) = [each for each in PACKAGES if each.name == name]
    return found


def outcomes_without(folder: Path, names: set[str], commands) -> dict[str, tuple[int, str, str]]:
    """Return exit code, standard error and standard output of commands without some packages."""
    commands = {each: COMMANDS[each] for each in commands}
    document = json.dumps([commands, all(package(name).is_optional for name in names)])
    finished = run_in(site_without(folder / "site", *names), "-c", RUN_THEM, document, cwd=folder)
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout.splitlines()[-1])


def assert_names_it(outcome: tuple[int, str, str], name: str) -> None:
    code, errors, output = outcome
    assert (code, output) == (2, ""), errors
    sentences = [line for line in errors.splitlines() if line.startswith("Error: ")]
    assert len(sentences) == 1 and "Traceback" not in errors
    assert sentences[0].startswith(f"Error: {name} is not installed")
    assert package(name).how_to_get.partition("'")[0] in sentences[0]
    assert errors.endswith(sentences[0] + "\n")


@pytest.mark.parametrize("name", NEEDED)
def test_without_a_needed_package_every_command_names_it_or_works(tmp_path, name):
    outcomes = outcomes_without(tmp_path, {name}, [*NEEDED[name] | NO_TENSORFLOW, "doctor"])
    for command in NEEDED[name]:
        assert_names_it(outcomes[command], name)
    for command in NO_TENSORFLOW - NEEDED[name]:
        assert outcomes[command][:2] == [0, ""]
    code, errors, found = outcomes["doctor"]
    assert (code, errors) == (1, "")
    install = r"pip install (--no-deps )?"
    assert re.search(rf"^missing +{name} +not installed\n +-> `{install}'{name}", found, re.M)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["site"]


@pytest.mark.parametrize("name", NEEDED_TO_START)
def test_without_what_the_command_line_is_made_of_there_is_one_sentence(tmp_path, name):
    finished = run_in(site_without(tmp_path / "site", name), "-m", "larq_igp", "doctor")
    assert_names_it((finished.returncode, finished.stderr, finished.stdout), name)


@pytest.mark.lce
@pytest.mark.parametrize("expected, others", zip(OPTIONAL, WITHOUT_A_COMMAND, strict=True))
def test_without_optional_packages_what_needs_one_names_it_and_the_rest_works(
    tmp_path, expected, others
):
    names = {name for name in expected.values() if name} | set(others)
    outcomes = outcomes_without(tmp_path, names, [*expected, "doctor"])
    for command, name in expected.items():
        if name:
            assert_names_it(outcomes[command], name)
        else:
            assert outcomes[command][0] == 0, outcomes[command]
    code, _, found = outcomes["doctor"]
    assert code == 0
    for name in names:
        assert re.search(rf"^optional +{name} +not installed\n +-> `pip install ", found, re.M)


def test_every_package_is_taken_away():
    taken = {*NEEDED, *NEEDED_TO_START, "tomli"}  # which Python 3.11 has in itself
    taken |= {name for expected in OPTIONAL for name in expected.values() if name}
    taken |= {name for others in WITHOUT_A_COMMAND for name in others}
    assert taken == {each.name for each in PACKAGES}


def test_a_dependency_of_a_dependency_is_named():
    sentence = absence(ModuleNotFoundError(name="zookeeper.core"))
    assert sentence.startswith("the module 'zookeeper', which an installed package imports, cannot")
    with pytest.raises(ModuleNotFoundError):
        absence(ModuleNotFoundError(name="larq_igp.nothing"))


def test_the_table_is_what_setup_cfg_requires():
    config = configparser.ConfigParser()
    config.read(REPOSITORY / "setup.cfg")
    extras = config["options.extras_require"]
    required = config["options"]["install_requires"] + extras["report"] + extras["datasets"]
    lines = [line.partition("#")[0].strip() for line in required.splitlines()]
    required = {name.strip(): rest for name, _, rest in (line.partition(";") for line in lines)}
    required.pop("")
    ours = {each.requirement: each for each in PACKAGES if "pip install ./" not in each.command}
    assert set(required) - set(ours) == IMPORTED_BY_LARQ | IMPORTED_BY_DATASETS
    without_dependencies = {name for name in ours if name not in required}
    assert without_dependencies == {"larq-zoo >=2.4,<3"}
    for name, marker in required.items():
        below = ours[name].python_below if name in ours else None
        found = re.findall(r'python_version < "3\.(\d+)"', marker)
        assert found == ([str(below[1])] if below else []), name


def test_what_is_installed_without_its_dependencies_finds_them():
    """Larq and larq-zoo pin versions that others than those work with; the rest is there."""
    config = configparser.ConfigParser()
    config.read(REPOSITORY / "setup.cfg")
    there = set(re.findall(r"^[\w-]+", config["options"]["install_requires"], re.MULTILINE))
    there |= {"protobuf"}  # TensorFlow's
    for names in (["larq"], ["larq-zoo", "zookeeper"]):
        command = package(names[0]).how_to_get
        assert "--no-deps" in command
        there |= set(re.findall(r"[a-z][\w-]+", command.partition("--no-deps")[2]))
        there |= {"tensorflow-datasets"} if "larq-igp[datasets]" in command else set()
        for name in names:
            lines = [line for line in metadata.requires(name) if "extra ==" not in line]
            asked = {re.match(r"[\w-]+", line)[0] for line in lines}
            assert asked <= there, name


@pytest.mark.parametrize(
    "name, version, outcome, found",
    [
        (
            "tf_keras",
            "2.16.0",
            1,
            r"missing +tf-keras +2\.16\.0\n.* `pip install 'tf-keras~=2\.\d+\.0'`, ",
        ),
        (
            "numpy",
            "2.1.0",
            0,
            r"optional +larq-compute-engine +0\.16\.0\n.* under NumPy 2\.1\.0: `pip ",
        ),
    ],
)
def test_doctor_finds_versions_that_do_not_fit(tmp_path, name, version, outcome, found):
    if name == "numpy" and not package("larq-compute-engine").is_installed:
        pytest.skip("Larq Compute Engine has no wheel for this Python")
    site = site_without(tmp_path / "site")
    (there,) = site.glob(f"{name}-*.dist-info")
    there.unlink()
    there = site / f"{name}-{version}.dist-info"
    there.mkdir()
    (there / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    finished = run_in(site, "-m", "larq_igp", "doctor")
    assert finished.returncode == outcome, finished.stderr
    assert re.search(found, finished.stdout), finished.stdout


def test_the_table_has_all_that_is_imported():
    """And each of them is imported somewhere."""
    imported = set()
    for file in (REPOSITORY / "larq_igp").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(str(node.module).partition(".")[0])
    others = imported - sys.stdlib_module_names - {"larq_igp"} - COME_WITH_TENSORFLOW
    assert others <= {each.module for each in PACKAGES}
