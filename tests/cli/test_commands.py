"""Every command as typed, with JSON and with text."""

import json
import shlex
import subprocess
import sys

import click
import pytest

import larq_igp
from larq_igp.architectures import ZOO
from larq_igp.architectures.accounting import closed_form
from larq_igp.cli import main
from larq_igp.cli.costs import IMAGENET
from larq_igp.cli.list import DIGITS
from larq_igp.data.geometry import GEOMETRY
from larq_igp.deploy.engines import engines_for
from larq_igp.keras2 import tf


def document(result):
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture(scope="session")
def converted(run_dir, tmp_path_factory):
    """The run, converted from the command line, in a path with a space."""
    from click.testing import CliRunner

    path = tmp_path_factory.mktemp("files") / "a net.tflite"
    result = CliRunner().invoke(
        main, ["convert", str(run_dir), "-o", str(path), "--images", "60", "--json"]
    )
    return path, document(result)


LEAVES = {
    (name,): command
    for name, command in main.commands.items()
    if not isinstance(command, click.Group)
}
LEAVES |= {
    (name, inner): command
    for name, group in main.commands.items()
    if isinstance(group, click.Group)
    for inner, command in group.commands.items()
}


@pytest.mark.parametrize("words", LEAVES, ids=" ".join)
def test_every_command_has_help_and_json(words, igp):
    result = igp(*words, "--help")
    assert result.exit_code == 0
    assert "--json" in result.output
    for option in LEAVES[words].params:
        assert option.param_type_name == "argument" or option.help, option.name


@pytest.mark.essential
def test_list(igp, refused):
    rows = document(igp("list", "--json"))
    assert [row["name"] for row in rows] == list(ZOO)
    assert {row["name"]: row["storage_bits"] for row in rows}["igp_resnet41_48"] == closed_form(
        ZOO["igp_resnet41_48"]
    ).storage_bits
    assert {row["num_classes"] for row in rows if row["name"].endswith("_tiny")} == {10}
    assert {row["num_classes"] for row in rows if not row["name"].endswith("_tiny")} == {1000}
    assert igp("list").stdout.count("\n") == len(ZOO) + 6  # two tables, and the next command
    assert GEOMETRY["digits"] == DIGITS
    assert GEOMETRY["imagenet2012"] == IMAGENET
    assert "--table3 is for ImageNet" in refused("list", "--table3", "--dataset", "digits")


@pytest.mark.essential
def test_summary(igp):
    fields = document(igp("summary", "igp_resnet21_53", "--json"))
    counts = closed_form(ZOO["igp_resnet21_53"])
    expected = {
        "name": "igp_resnet21_53",
        "depth": 21,
        "storage_bits": counts.storage_bits,
        "flops": counts.flops,
        "runtime_memory_bytes": counts.runtime_memory_bytes,
        "parameters": counts.parameters,
        "binary_macs": counts.binary_macs,
        "float_macs": counts.float_macs,
    }
    assert {name: fields[name] for name in expected} == expected
    assert fields["larq_macs"] == counts.binary_macs + counts.float_macs
    text = igp("summary", "igp_resnet21_53", "--layers", "--larq").stdout
    assert "paper, Table 3: 32.63 Mbit, 1.46e8 FLOPs, 170.20 MB" in text
    assert "stage4_block1_column3_layer4_binconv" in text
    assert "Ratio of MACs that are binarized" in text


def test_summary_with_free_parameters(igp):
    fields = document(
        igp(
            "summary",
            "igp_densenet51_53",
            "--growth-rate",
            8,
            "--blocks",
            "1,2",
            "--transition-filters",
            24,
            "--bits",
            2,
            "--input-shape",
            "28,28,1",
            "--num-classes",
            10,
            "--json",
        )
    )
    assert fields["depth"] == 2 + 1 + 3 * 2
    assert fields["binary_macs"] == 0


@pytest.mark.essential
def test_train_writes_only_json_on_standard_output(tmp_path):
    arguments = [
        "train",
        "resnet_tiny",
        "--filters",
        "8",
        "--blocks",
        "1",
        "--epochs",
        "1",
        "--run-dir",
        "a run",
        "--json",
    ]
    finished = subprocess.run(
        [sys.executable, "-m", "larq_igp", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    metrics = json.loads(finished.stdout)
    assert {"top1", "top5", "examples", "run_dir"} <= set(metrics)
    assert metrics["examples"] == 360
    assert "epoch 1/1: loss " in finished.stderr
    assert "resnet_tiny" in finished.stderr  # the recipe
    assert json.loads((tmp_path / "a run" / "metrics.json").read_text())["top1"] == metrics["top1"]


def test_run_directories_are_numbered(tmp_path, monkeypatch):
    from larq_igp.training.train import default_run_dir

    monkeypatch.chdir(tmp_path)
    assert str(default_run_dir("net", "digits")) == "runs/net-digits"
    (tmp_path / "runs" / "net-digits").mkdir(parents=True)
    assert str(default_run_dir("net", "digits")) == "runs/net-digits-2"
    assert str(default_run_dir("net", "digits", resume=True)) == "runs/net-digits"


@pytest.mark.essential
def test_evaluate_a_run_and_its_file(run_dir, converted, igp):
    of_run = document(igp("evaluate", run_dir, "--json"))
    assert of_run["examples"] == 360
    assert of_run["top1"] == json.loads((run_dir / "metrics.json").read_text())["top1"]
    of_file = document(igp("evaluate", converted[0], "--json"))
    assert of_file["examples"] == 360
    assert (
        abs(of_file["top1"] - of_run["top1"]) <= 2 / 360
    )  # a flipped sign may change an image's answer
    text = igp("evaluate", run_dir, "--split", "validation", "--weights", "last").stdout
    assert "of 180 validation images" in text
    assert text.endswith(f"next: larq-igp convert {shlex.quote(str(run_dir))}\n")
    text = igp("evaluate", converted[0]).stdout
    assert text.endswith(f"next: larq-igp predict {shlex.quote(str(converted[0]))} PHOTO\n")


@pytest.mark.essential
def test_predict_agrees_with_the_label(run_dir, converted, igp, tmp_path):
    from larq_igp.data import load_dataset

    split = load_dataset("digits").split("test")
    paths, labels = [], []
    for index in range(12):
        image, label = split.load(index)
        paths.append(tmp_path / f"digit {index}.png")
        paths[-1].write_bytes(tf.io.encode_png(image).numpy())
        labels.append(int(label))
    for source in (run_dir, converted[0]):
        rows = document(igp("predict", source, *paths, "--top", 2, "--json"))
        assert [row["image"] for row in rows] == [str(path) for path in paths]
        assert all(len(row["classes"]) == 2 for row in rows)
        right = sum(
            row["classes"][0]["label"] == label for row, label in zip(rows, labels, strict=True)
        )
        assert right >= 8
    assert "digit 0.png: " in igp("predict", run_dir, paths[0]).stdout


@pytest.mark.essential
def test_convert_audits_verifies_and_writes_a_card(run_dir, converted):
    path, fields = converted
    assert fields["audit"]["lce_bconv2d"] == fields["audit"]["binary_convolutions"] == 9
    assert fields["audit"]["lce_dequantize"] == 0
    installed = engines_for(path)
    ran = [check for check in fields["verifications"] if check["engine"] in installed]
    assert ran
    for check in ran:
        assert (check["passed"], check["examples"]) == (True, 60)
        assert check["binary_convolutions"] == 9
    assert fields["bytes"] == path.stat().st_size
    card = json.loads(path.with_suffix(".json").read_text())
    assert card["verified"] is True
    assert card["verifications"] == fields["verifications"]
    assert card["variant"] == "igp_resnet_tiny"
    assert card["dataset"] == "digits"
    assert card["accuracy"] == json.loads((run_dir / "metrics.json").read_text())["top1"]
    assert card["preprocessing"]["input_shape"] == [32, 32, 3]
    assert card["class_names"] == [str(digit) for digit in range(10)]
    assert {file.name for file in path.parent.iterdir()} == {"a net.tflite", "a net.json"}


def test_convert_a_name_with_its_options(igp, tmp_path):
    path = tmp_path / "net.tflite"
    result = igp(
        "convert",
        "bireal_resnet_tiny",
        "-o",
        path,
        "--filters",
        8,
        "--input-shape",
        "28,28,1",
        "--num-classes",
        5,
    )
    assert result.exit_code == 0, result.output
    assert "6 LceBconv2d for 6 binary convolutions" in result.stdout
    card = json.loads(path.with_suffix(".json").read_text())
    assert (card["dataset"], card["accuracy"], card["input_shape"]) == (None, None, [28, 28, 1])
    assert card["parameters"]["filters"] == 8


@pytest.mark.essential
def test_convert_two_bits_as_float_only(igp, refused, tmp_path):
    path = tmp_path / "net.tflite"
    small = (
        "--filters",
        8,
        "--blocks",
        "1",
        "--input-shape",
        "28,28,1",
        "--num-classes",
        5,
        "--images",
        20,
    )
    message = refused("convert", "resnet_tiny", "-o", path, "--bits", 2, *small)
    assert "2-bit" in message and "no kernel" in message
    assert not list(tmp_path.iterdir())
    fields = document(
        igp("convert", "resnet_tiny", "-o", path, "--bits", 2, "--float", *small, "--json")
    )
    assert fields["audit"]["lce_bconv2d"] == 0


@pytest.mark.essential
def test_benchmark_beside_the_float_twin(converted, igp):
    path, _ = converted
    rows = document(igp("benchmark", path, "--runs", 3, "--warmup", 1, "--json"))
    assert [row["role"] for row in rows] == ["converted"] * (len(rows) - 1) + ["float twin"]
    engines = engines_for(path)
    assert {row["engine"] for row in rows} == {*engines, "tflite"}
    for row in rows:
        assert row["file"] == str(path)
        assert (row["threads"], row["runs"]) == (1, 3)
        assert row["latency_ms_median"] > 0
        assert row["host"]["kind"] == "host"
    options = ("--runs", 2, "--engine", engines[-1], "--no-twin", "--operators")
    text = igp("benchmark", path, *options).stdout
    assert "no estimate for a device" in text
    assert "LceBconv2d" in text and "float twin" not in text


@pytest.mark.essential
def test_doctor(igp):
    findings = {finding["name"]: finding for finding in document(igp("doctor", "--json"))}
    assert findings["tensorflow"]["found"] == tf.__version__
    assert findings["keras"]["state"] == "ok"
    assert "ok        python" in igp("doctor").stdout


def test_version(igp):
    assert igp("--version").stdout.strip() == f"larq-igp, version {larq_igp.__version__}"
