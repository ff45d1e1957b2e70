"""A run that was interrupted, by whatever, ends as one that was not."""

import csv
import dataclasses
import json
import os
import re
import resource
import shlex
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from safetensors import safe_open

from larq_igp import build
from larq_igp.errors import UserError
from larq_igp.training.fit.save_weights import most_bytes, save_weights
from larq_igp.training.fit.signals import StoppedError
from larq_igp.training.fit.train import resume, train
from larq_igp.training.recipe import Recipe
from larq_igp.training.run.checkpoint import (
    Checkpoint,
    CheckpointError,
    TornCheckpointError,
    list_checkpoints,
    read_checkpoint,
    write_checkpoint,
)
from larq_igp.training.run.directory import open_run
from larq_igp.training.run.layout import resume_command, weights_path
from larq_igp.training.run.listing import describe
from tests.conftest import HANGS_SECONDS, ROOT

SMALL = ["--filters", "8", "--blocks", "1", "--input-shape", "28,28,1", "--batch-size", "100"]
RECIPE = Recipe(
    network="resnet_tiny",
    parameters={"filters": 8, "blocks": (1,)},
    input_shape=(28, 28, 1),
    batch_size=100,
    epochs=2,
)


def start(*arguments, before=None) -> subprocess.Popen:
    command = [sys.executable, "-m", "larq_igp", "train", *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=before
    )


def wait_for_checkpoints(run: Path, count: int, process: subprocess.Popen) -> None:
    deadline = time.time() + HANGS_SECONDS
    while len(list_checkpoints(run / "checkpoints")) < count:
        assert process.poll() is None and time.time() < deadline, process.communicate()
        time.sleep(0.01)


def sentence(errors: str) -> str:
    assert "Traceback" not in errors
    return errors.strip().splitlines()[-1]


def outcome(run: Path) -> tuple[list, list]:
    with (run / "history.csv").open(newline="") as file:
        rows = [
            {k: v for k, v in row.items() if k not in ("seconds", "images_per_second")}
            for row in csv.DictReader(file)
        ]
    opened = open_run(run)
    weights = [opened.load_model(which).get_weights() for which in ("best", "last")]
    layers = (
        (run / "layers.csv").read_text() if opened.recipe.bits == 1 else None
    )  # it has binary layers alone
    return weights, [rows, layers, opened.metrics()]


def assert_same(first: tuple, second: tuple) -> None:
    for mine, theirs in zip(first[0], second[0], strict=True):
        for a, b in zip(mine, theirs, strict=True):
            np.testing.assert_array_equal(a, b)
    assert first[1] == second[1]


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> tuple:
    """What a run that was left alone ends with."""
    folder = tmp_path_factory.mktemp("alone") / "run"
    train(RECIPE, folder, verbose=0)
    return outcome(folder)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory) -> Path:
    """A finished run of the same images, at 32 bits."""
    folder = tmp_path_factory.mktemp("teacher") / "run"
    train(dataclasses.replace(RECIPE, bits=32), folder, verbose=0)
    return folder


@pytest.fixture(scope="module")
def stopped(tmp_path_factory) -> tuple[Path, str, int]:
    """A run that SIGTERM stopped in the middle of an epoch, what it said, and its exit code.

    It holds two checkpoints.
    """
    folder = tmp_path_factory.mktemp("stopped") / "run"
    process = start(
        "resnet_tiny", *SMALL, "--epochs", 2, "--run-dir", folder, "--checkpoint-seconds", 0
    )
    wait_for_checkpoints(folder, 2, process)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=HANGS_SECONDS)
    return folder, errors, process.returncode


def copy(run: Path, to: Path) -> Path:
    subprocess.run(["cp", "-r", str(run), str(to)], check=True)
    return to


@pytest.mark.parametrize("kills", [6, pytest.param(20, marks=pytest.mark.slow)])
def test_processes_killed_at_random_moments_change_no_digit(kills):
    """With two threads in each: the sums must not depend on which of them comes first."""
    soak = subprocess.run(
        [
            sys.executable,
            str(ROOT / "experiments" / "soak.py"),
            "--kills",
            str(kills),
            "--epochs",
            "2",
            "--json",
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TF_NUM_INTRAOP_THREADS": "2"},
    )
    assert soak.returncode == 0, soak.stderr
    totals = json.loads(soak.stdout)
    assert totals["kills"] >= kills
    assert totals["different"] == 0
    assert totals["where"]["while it trained"] >= kills // 3


@pytest.mark.essential
def test_sigterm_writes_a_checkpoint_and_says_how_to_go_on(stopped, alone, tmp_path):
    folder, errors, code = stopped
    assert code == 128 + signal.SIGTERM
    step = read_checkpoint(list_checkpoints(folder / "checkpoints")[0]).state["step"]
    assert 0 < step < 24
    said = (
        rf"stopped by SIGTERM at step {step} of 24 \(epoch \d of 2\): resume with `larq-igp train "
        rf"--resume {folder}`."
    )
    assert re.fullmatch(said, sentence(errors))
    run = copy(folder, tmp_path / "run")
    resume(run, verbose=0)
    assert_same(outcome(run), alone)
    assert len(list_checkpoints(run / "checkpoints")) == 1
    assert not (run / "status.json").exists()


def stop_at_first_checkpoint(folder: Path) -> None:
    """Send SIGTERM to this process as soon as a run has written a checkpoint."""
    while not list_checkpoints(folder / "checkpoints"):
        time.sleep(0.002)
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize(
    "fields, parts",
    [
        (
            {
                "optimizer": "bop",
                "bop_threshold": 1e-9,
                "bop_gamma": 0.1,
                "precision": "mixed_float16",
            },
            [""],
        ),
        (
            {
                "optimizer": "adamw",
                "weight_decay": 1e-2,
                "precision": "mixed_bfloat16",
                "label_smoothing": 0.1,
            },
            [""],
        ),
        ({"optimizer": "sgd", "weight_decay": 1e-2, "teacher": "a run", "temperature": 4.0}, [""]),
        (
            {
                "geometry": "letterbox",
                "mirror": True,
                "colour_jitter": 0.2,
                "cut_out": 0.3,
                "mixup": 0.2,
                "class_weights": "balanced",
                "early_stopping": 1,
                "ema": 0.9,
                "optimizer": "adamw",
            },
            [""],
        ),
        (
            {"optimizer": "bop", "teacher": "twin", "first_stage_epochs": 1},
            ["teacher", "first_stage", ""],
        ),
    ],
)
def test_all_that_a_recipe_trains_with_comes_back(tmp_path, teacher, fields, parts):
    """Slots of two optimizers, loss scales, a teacher and runs that come first, each stopped in the
    middle.
    """
    if fields.get("teacher") == "a run":
        fields = {**fields, "teacher": str(teacher)}
    recipe = dataclasses.replace(RECIPE, epochs=1, **fields)
    train(recipe, tmp_path / "alone", verbose=0)
    run = tmp_path / "run"
    for part in parts:
        watch = threading.Thread(target=stop_at_first_checkpoint, args=(run / part,), daemon=True)
        watch.start()
        with pytest.raises(StoppedError):
            train(recipe, run, verbose=0, resume=True, checkpoint_seconds=0)
        watch.join()
        stopped_at = read_checkpoint(list_checkpoints(run / part / "checkpoints")[0]).state
        assert 0 < stopped_at["step"] < 12
    resume(run, verbose=0)
    for part in parts:
        assert_same(outcome(run / part), outcome(tmp_path / "alone" / part))


@pytest.mark.parametrize("damage", ["torn", "flipped", "empty"])
def test_a_damaged_checkpoint_is_passed_over_with_a_warning(
    stopped, alone, tmp_path, capsys, damage
):
    run = copy(stopped[0], tmp_path / "run")
    newest = list_checkpoints(run / "checkpoints")[0]
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= damage == "flipped"
    newest.write_bytes(data[: {"torn": len(data) - 9, "flipped": len(data), "empty": 0}[damage]])
    if damage == "flipped":  # one is resumed to the end; for the others it is the same code
        resume(run, verbose=0)
        assert_same(outcome(run), alone)
    else:
        from larq_igp.training.run.checkpoint import latest_checkpoint

        found = latest_checkpoint(run / "checkpoints")
        assert found.state == read_checkpoint(list_checkpoints(run / "checkpoints")[1]).state
    assert (
        f"Warning: {newest} is damaged: its checksum is wrong. The one before it is used."
        in capsys.readouterr().err
    )


def test_no_whole_checkpoint_is_an_error_and_not_a_new_start(stopped, tmp_path, capsys):
    run = copy(stopped[0], tmp_path / "run")
    for path in list_checkpoints(run / "checkpoints"):
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match=r"none of the 2 checkpoints in .* is whole"):
        resume(run, verbose=0)
    assert capsys.readouterr().err.count("The one before it is used.") == 1


def test_a_run_of_before_there_were_checkpoints_is_read_and_not_overwritten(run_dir, tmp_path, igp):
    run = copy(run_dir, tmp_path / "run")
    for name in ("checkpoints", "run.lock", "layers.csv"):
        subprocess.run(["rm", "-r", str(run / name)], check=True)
    assert (
        json.loads(igp("evaluate", run, "--json").stdout)["top1"]
        == open_run(run_dir).metrics()["top1"]
    )
    (run / "metrics.json").unlink()
    before = (run / "last.weights.h5").read_bytes()
    with pytest.raises(UserError, match="has trained, and holds no checkpoint to resume from"):
        resume(run, verbose=0)
    assert (run / "last.weights.h5").read_bytes() == before


def test_checkpoints_come_back_as_they_were(tmp_path):
    arrays = {
        "scalar": np.float32(0.1),
        "none": np.zeros((0, 3), np.float32),
        "half": np.arange(3, dtype=np.float16),
        "brain": np.arange(3).astype(ml_dtypes.bfloat16),
        "brain scalar": np.asarray(1.5, ml_dtypes.bfloat16),
        "signs": np.packbits([True, False, True]),
        "yes": np.bool_(True),
        "steps": np.int64(7),
        "nan": np.array([np.nan, -0.0, np.inf]),
        "strided": np.arange(6).reshape(2, 3).T,
    }
    state = {
        "history": [], "layers": [], "best_score": None, "best_epoch": 0, "seconds": 0.1,
        "recipe": {"note": '"sha256":"'}, "steps_per_epoch": 12, "replicas": 1, "workers": 1,
        "train_images": 1,
    }  # fmt: skip
    for step in (1, 2, 3):
        write_checkpoint(tmp_path, Checkpoint({"step": step} | state, arrays))
    assert [path.name for path in list_checkpoints(tmp_path)] == [
        "step-000000000003.safetensors",
        "step-000000000002.safetensors",
    ]
    read = read_checkpoint(list_checkpoints(tmp_path)[0])
    assert read.state == {"step": 3} | state
    assert list(read.arrays) == list(arrays)
    for name, array in arrays.items():
        assert read.arrays[name].tobytes() == np.ascontiguousarray(array).tobytes()
        assert (read.arrays[name].dtype, read.arrays[name].shape) == (
            np.asarray(array).dtype,
            np.asarray(array).shape,
        )


def test_another_recipe_is_refused_with_the_difference(stopped, igp):
    result = igp(
        "train",
        "resnet_tiny",
        *SMALL,
        "--epochs",
        3,
        "--seed",
        1,
        "--run-dir",
        stopped[0],
        "--resume",
    )
    assert result.exit_code == 2
    assert (
        "was started with another recipe: epochs is 3 and was 2; seed is 1 and was 0. Name another"
        in result.stderr
    )
    result = igp("train", "--resume", stopped[0], "--epochs", 3)
    assert result.exit_code == 2
    assert "leave out --epochs, or name the network too" in result.stderr
    result = igp("train", "--resume", stopped[0], "--set", "epochs=3")
    assert "leave out --set, or name the network too" in result.stderr
    result = igp("train", "--resume")
    assert (result.exit_code, "--resume needs a run directory" in result.stderr) == (2, True)
    result = igp("train", "resnet_tiny", "--run-dir", stopped[0])
    assert (
        result.exit_code,
        f"resume it with `larq-igp train --resume {stopped[0]}`" in result.stderr,
    ) == (2, True)


HOLD = """
import sys, time
from pathlib import Path
from larq_igp.training.run.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_second_process_is_refused_and_a_dead_one_holds_nothing(stopped, tmp_path, igp):
    run = copy(stopped[0], tmp_path / "run")
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(run)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "held\n"
        result = igp("train", "--resume", run)
        assert (
            result.exit_code,
            f"another process is training in {run}: wait for it" in result.stderr,
        ) == (2, True)
        assert json.loads(igp("runs", tmp_path, "--json").stdout)[0]["state"] == "running"
    finally:
        holder.kill()
        holder.communicate()
    assert json.loads(igp("runs", tmp_path, "--json").stdout)[0]["state"] == "interrupted"


def test_a_full_disk_is_one_sentence_and_leaves_the_last_checkpoint(tmp_path, stopped, alone):
    """On a real file system that is too small; where none may be mounted, under a limit on the size
    of files.
    """
    disk = tmp_path / "disk"
    disk.mkdir()
    run = copy(stopped[0], tmp_path / "run")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(disk)],
        capture_output=True,
        check=False,
    )
    try:
        limit = None
        if mounted.returncode == 0:
            run = copy(run, disk / "run")
            space = os.statvfs(disk)
            (disk / "filler").write_bytes(bytes(space.f_bavail * space.f_frsize - 8192))
        else:
            limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))  # noqa: E731
        kept = list_checkpoints(run / "checkpoints")
        process = start("--resume", run, "--checkpoint-seconds", 0, before=limit)
        _, errors = process.communicate(timeout=HANGS_SECONDS)
        assert process.returncode == 2
        assert re.search(
            r"no checkpoint could be written: .*(No space left on device|File too large).* The "
            rf"last good one is {kept[0].name}. "
            rf"Make room, then resume with `larq-igp train --resume {run}`",
            sentence(errors),
        )
        assert list_checkpoints(run / "checkpoints") == kept
        (disk / "filler").unlink(missing_ok=True)
        run = copy(run, tmp_path / "saved")
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", str(disk)], check=True)
    resume(run, verbose=0)
    assert_same(outcome(run), alone)


def test_the_command_that_resumes_can_be_typed_as_it_is_printed():
    assert shlex.split(resume_command(Path("my runs/a")).strip("`")) == [
        "larq-igp",
        "train",
        "--resume",
        "my runs/a",
    ]


def test_weights_that_do_not_fit_are_refused_and_leave_those_before(tmp_path):
    """HDF5 ends the process if a write fails, so the room is found before it writes; here under a
    limit on the size of files.
    """
    network = build("igp_resnet_tiny", input_shape=(28, 28, 1), filters=4)
    save_weights(tmp_path, network, "best")
    saved = weights_path(tmp_path, "best").read_bytes()
    assert len(saved) <= most_bytes(network)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(saved) // 2, hard))
    try:
        with pytest.raises(
            UserError, match=r"best.weights.h5 cannot be written: (File too large|No space left)"
        ):
            save_weights(tmp_path, network, "best")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in tmp_path.iterdir()] == ["best.weights.h5"]
    assert weights_path(tmp_path, "best").read_bytes() == saved


def test_a_finished_run_says_what_it_measured(run_dir, igp):
    before = (run_dir / "metrics.json").read_bytes()
    result = igp("train", "--resume", run_dir, "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["top1"] == json.loads(before)["top1"]
    assert (run_dir / "metrics.json").read_bytes() == before


def test_a_folder_without_a_run_cannot_be_gone_on_with(tmp_path):
    with pytest.raises(UserError, match="is not a run directory"):
        resume(tmp_path)


def test_runs_lists_what_there_is(run_dir, stopped, tmp_path, igp):
    copy(run_dir, tmp_path / "finished")
    copy(stopped[0], tmp_path / "interrupted")
    copy(stopped[0], tmp_path / "killed")
    (tmp_path / "killed" / "status.json").unlink()
    copy(stopped[0], tmp_path / "failed")
    (tmp_path / "failed" / "status.json").write_text(
        '{"state": "failed", "reason": "the loss became nan"}'
    )
    copy(run_dir, tmp_path / "damaged")
    (tmp_path / "damaged" / "config.json").write_text('{"recipe": ')
    (tmp_path / "no run").mkdir()
    rows = {
        Path(row["run"]).name: row for row in json.loads(igp("runs", tmp_path, "--json").stdout)
    }
    assert {name: row["state"] for name, row in rows.items()} == {
        "finished": "finished",
        "interrupted": "interrupted",
        "killed": "interrupted",
        "failed": "failed",
        "damaged": "damaged",
    }
    metrics = json.loads((run_dir / "metrics.json").read_text())
    assert (rows["finished"]["epoch"], rows["finished"]["test_top1"]) == (3, metrics["top1"])
    assert rows["finished"]["best_validation_top1"] == metrics["validation_top1"]
    assert rows["failed"]["note"] == "the loss became nan"
    text = igp("runs", tmp_path).stdout
    assert re.search(
        r"/finished +finished +igp_resnet_tiny +digits +3/3 +\d+.\d\d% +\d+.\d\d%", text
    )
    assert "holds no runs" in igp("runs", tmp_path / "no run").stdout
    assert igp("runs", tmp_path / "nothing").exit_code == 2


def test_a_dry_run_writes_nothing(tmp_path, igp, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = igp("train", "resnet_tiny", *SMALL, "--dry-run", "--json")
    assert result.exit_code == 0, result.stderr
    facts = json.loads(result.stdout)
    assert (facts["steps_per_epoch"], facts["steps"], facts["replicas"]) == (12, 360, 1)
    model = build("resnet_tiny", filters=8, blocks=(1,), input_shape=(28, 28, 1), num_classes=10)
    assert facts["parameters"] == sum(each.size for each in model.get_weights())
    assert facts["images_per_second"] > 0 and facts["loss"] > 0
    assert list(tmp_path.iterdir()) == []


def test_every_byte_of_a_checkpoint_is_checked(tmp_path):
    path = write_checkpoint(tmp_path, Checkpoint({"step": 1}, {"a": np.arange(3.0)}))
    whole = path.read_bytes()
    with safe_open(path, framework="np") as file:  # as other tools read it
        np.testing.assert_array_equal(file.get_tensor("a"), np.arange(3.0))
    damaged = [
        whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        for place in range(len(whole))
    ]
    for content in [*damaged, whole[:-1], whole + b"\0", b"", whole[:8], bytes(99)]:
        path.write_bytes(content)
        with pytest.raises(TornCheckpointError, match="its checksum is wrong"):
            read_checkpoint(path)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can become another")
def test_whether_anothers_run_is_running_cannot_be_told(stopped, tmp_path):
    run = copy(stopped[0], tmp_path / "run")
    for folder in (tmp_path, *tmp_path.parents[:-2]):
        folder.chmod(0o755)
    assert describe(run)["state"] == "interrupted"
    child = os.fork()  # another user may not be able to start this Python
    if not child:
        try:
            os.setuid(65534)
            os._exit(describe(run)["state"] != "unknown")
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
