"""What a file may hold, and what it may be: bounds that hold before memory or time are spent."""

import json
import os
import shutil
import struct
import subprocess
import sys

import pytest

from larq_igp.architectures import get_spec
from larq_igp.architectures.checks import SpecError
from larq_igp.architectures.options import check_input_shape
from larq_igp.data import DatasetError, Preprocessing
from larq_igp.data.idx import IdxError, read_idx
from larq_igp.data.image_files import list_images
from larq_igp.data.preprocess import PreprocessingError
from larq_igp.data.split_folders import sub_folders
from larq_igp.errors import UserError
from larq_igp.files import read_file, read_json
from larq_igp.models import build
from larq_igp.paper.results import read_results
from larq_igp.terminal import printable
from larq_igp.training.recipe.files import MOST_FILES, read_recipe_files
from larq_igp.training.run.listing import list_runs
from tests.conftest import ROOT

ATTACKS = ROOT / "benchmarks" / "attacks"


def test_only_regular_files_of_bounded_size_are_read(tmp_path):
    (tmp_path / "file").write_bytes(b"1234")
    (tmp_path / "link").symlink_to("file")
    assert read_file(tmp_path / "link", 4) == b"1234"
    with pytest.raises(UserError, match="it has 4 bytes, and at most 3 are allowed"):
        read_file(tmp_path / "file", 3)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for name in ("pipe", "zero"):
        with pytest.raises(UserError, match="is not a regular file"):
            read_file(tmp_path / name, 4)


@pytest.mark.parametrize(
    "text, message",
    [
        (f"boundaries = {'[' * 5000}{']' * 5000}", "is not readable TOML"),
        ("parameters.a.b.c.d.e.f.g.h.i = 1", "tables or arrays more than 8 deep"),
        (f"epochs = 0x{'f' * 5000}", "an integer of more than 64 bits"),
        (f"{'a.' * 9000}a = 1", "at most 16,384 are allowed"),
    ],
)
def test_recipes_are_small(tmp_path, text, message):
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(UserError, match=message):
        read_recipe_files(tmp_path / "a.toml")


def test_nothing_that_commands_a_terminal_is_printed(tmp_path, refused):
    """Escape sequences and marks of direction are written out, and letters stay."""
    assert printable("Müll\n\t\x1b[2J\x9b\u202e\x00") == "Müll\n\t\\x1b[2J\\x9b\\u202e\\x00"
    name = "x\x1b]0;title\x07\u202egnp.png"
    (tmp_path / name).write_bytes(b"")
    said = refused("predict", "resnet_tiny", tmp_path / name)
    assert "x\\x1b]0;title\\x07\\u202egnp.png" in said
    assert not {"\x1b", "\x07", "\u202e"} & set(said)


def test_recipes_extend_so_many_and_no_more(tmp_path):
    for number in range(MOST_FILES):
        (tmp_path / f"{number}.toml").write_text(f'extends = "{number + 1}.toml"')
    (tmp_path / f"{MOST_FILES}.toml").write_text("epochs = 3")
    assert len(read_recipe_files(tmp_path / "1.toml")) == MOST_FILES
    with pytest.raises(UserError, match=rf"0.toml extends more than {MOST_FILES - 1} files"):
        read_recipe_files(tmp_path / "0.toml")
    (tmp_path / "loop.toml").symlink_to("loop.toml")
    with pytest.raises(UserError, match=r"loop.toml cannot be read: Too many levels"):
        read_recipe_files(tmp_path / "loop.toml")


@pytest.mark.parametrize(
    "network, parameters, message",
    [
        ("resnet_tiny", {"blocks": (10**9,)}, "at most 2048 convolutions"),
        ("resnet_tiny", {"blocks": (1,) * 9}, "at most 8 stages"),
        ("resnet_tiny", {"filters": 4096, "blocks": (1,) * 5}, "to at most 32768 in the last"),
        ("igp_densenet_tiny", {"growth_rate": 4097}, "growth_rate must be at most 4096"),
        ("igp_densenet_tiny", {"stem_filters": 4097}, "stem_filters must be at most 4096"),
        ("igp_densenet_tiny", {"columns": 8, "blocks": (5, 5)}, "at most 2048 convolutions"),
    ],
)
def test_networks_have_a_largest_size(network, parameters, message):
    with pytest.raises(SpecError, match=message):
        get_spec(network, **parameters)


def test_weights_classes_and_images_have_a_largest_size():
    with pytest.raises(SpecError, match=r"would have [\d,]+ weights, and at most 268,435,456"):
        build("resnet_tiny", filters=4096, input_shape=(32, 32, 3), num_classes=10)
    with pytest.raises(SpecError, match="num_classes must be at most 1,048,576; got 100000000"):
        build("resnet_tiny", input_shape=(32, 32, 3), num_classes=10**8)
    assert check_input_shape((4096, 4096, 1)) == (4096, 4096, 1)
    with pytest.raises(SpecError, match="at most 16,777,216 values; got 4096x4097x1"):
        check_input_shape((4096, 4097, 1))


def test_idx_files_have_few_dimensions(tmp_path):
    content = struct.pack(">4B255I", 0, 0, 8, 255, *[1] * 255) + b"\0"
    (tmp_path / "labels").write_bytes(content)
    with pytest.raises(IdxError, match="or 4 dimensions"):
        read_idx(tmp_path, "labels")


def test_a_data_set_holds_regular_files_in_folders_that_have_names(tmp_path):
    (tmp_path / "a").mkdir()
    os.mkfifo(tmp_path / "a" / "x.png")
    with pytest.raises(DatasetError, match=r"Not read: 1 special file"):
        list_images(tmp_path, "", ("a",))
    (tmp_path / "a" / "y.png").touch()
    os.truncate(tmp_path / "a" / "y.png", 1 << 40)
    with pytest.raises(UserError, match=r"y.png cannot be read: it has 1,099,511,627,776 bytes"):
        list_images(tmp_path, "", ("a",))
    os.mkdir(os.fsencode(tmp_path) + b"/\xff")
    with pytest.raises(DatasetError, match="has no UTF-8 name: rename it"):
        sub_folders(tmp_path)


@pytest.mark.slow
def test_every_attack_ends_with_one_sentence():
    finished = subprocess.run(
        ["sh", "-c", 'ulimit -v 24000000; exec "$@"', "sh", sys.executable, str(ATTACKS)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]


def test_numbers_of_files_are_finite(tmp_path):
    for text in ("NaN", "Infinity", "-Infinity", "1e999", "-1e999"):
        (tmp_path / "a.json").write_text(f'{{"loss": [{text}]}}')
        with pytest.raises(UserError, match=f"a.json is not readable JSON: {text} is not a finite"):
            read_json(tmp_path / "a.json")
    (tmp_path / "a.json").write_text('{"loss": 1e308}')
    assert read_json(tmp_path / "a.json") == {"loss": 1e308}


@pytest.mark.parametrize(
    "name, text",
    [
        ("history.csv", "epoch,val_top1\n1,nan\n"),
        ("metrics.json", '{"top1": 17}'),
        ("config.json", '{"recipe": {"network": [1], "dataset": "digits", "epochs": 2}}'),
    ],
)
def test_a_run_without_sense_is_listed_as_damaged(tmp_path, name, text):
    shutil.copytree(ROOT / "tests/fixtures/format_2/finished", tmp_path / "run")
    assert [row["state"] for row in list_runs(tmp_path)] == ["finished"]
    (tmp_path / "run" / name).write_text(text)
    (row,) = list_runs(tmp_path)
    assert row["state"] == "damaged"
    json.dumps(row, allow_nan=False)


def test_the_csv_of_an_experiment_is_a_regular_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "zero.csv").symlink_to("/dev/zero")
    for name in ("pipe.csv", "zero.csv"):
        with pytest.raises(UserError, match="is not a regular file"):
            read_results(tmp_path / name)


@pytest.mark.parametrize("value", [10**400, -(10**400), float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["mean", "deviation"])
def test_preprocessing_has_finite_numbers(name, value):
    with pytest.raises(PreprocessingError, match=f"{name} of the preprocessing cannot be"):
        Preprocessing(**{"input_shape": (8, 8, 1), "mean": (0,), "deviation": (1,), name: (value,)})
