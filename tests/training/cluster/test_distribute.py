"""Several devices and several processes give what one gives."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from larq_igp.keras2 import tf
from larq_igp.training.cluster.launch import free_ports
from larq_igp.training.cluster.workers import ClusterError, find_cluster
from larq_igp.training.fit.train import train
from larq_igp.training.recipe import Recipe
from larq_igp.training.run.checkpoint import list_checkpoints, read_checkpoint
from larq_igp.training.run.directory import open_run
from tests.conftest import HANGS_SECONDS

SMALL = ["--filters", "8", "--blocks", "1", "--input-shape", "28,28,1", "--batch-size", "100"]
RECIPE = {
    "network": "resnet_tiny",
    "parameters": {"filters": 8, "blocks": [1]},
    "input_shape": [28, 28, 1],
    "batch_size": 100,
    "epochs": 1,
    "bits": 32,
    "synchronized_batchnorm": True,
}
TRAIN_ON_TWO_DEVICES = """
import json, sys
from larq_igp.training.recipe import Recipe
from larq_igp.training.cluster.devices import StrategyError, open_devices
from larq_igp.training.fit.train import train
recipe = Recipe.from_json(json.loads(sys.argv[1]))
train(recipe, sys.argv[2], strategy="mirrored", verbose=0)
try:
    train(Recipe(network="resnet_tiny", batch_size=75), sys.argv[2] + "-odd", strategy="mirrored")
except StrategyError as error:
    print(error)
"""

READ_AS_A_WORKER = """
import json, sys
from pathlib import Path
import larq_igp
from larq_igp.data import Split, load_dataset
from larq_igp.keras2 import tf
from larq_igp.training.fit.batches import distributed_train_batches
from larq_igp.training.recipe import Recipe
from larq_igp.training.run.directory import describe_run
from larq_igp.training.cluster.devices import open_devices
devices = open_devices("multiworker")
digits = load_dataset("digits")
read = set()

def load(index):
    noted = tf.numpy_function(lambda i: read.add(int(i)) or i, [index], tf.int64)
    return tf.cast(tf.fill((28, 28, 1), noted % 251), tf.uint8), tf.ensure_shape(noted, ())

digits.splits["train"] = Split(50_000, load)
recipe = Recipe(network="resnet_tiny", input_shape=(28, 28, 1), batch_size=10)
run = describe_run(Path(), recipe, digits)
batches = distributed_train_batches(run, digits, devices, first_step=3)
of_replica = devices.strategy.experimental_local_results
labels = [of_replica(next(batches)[1])[0].numpy().tolist() for _ in range(4)]
print(json.dumps({"labels": labels, "read": sorted(read)}))
"""


def command(*arguments, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "larq_igp", *map(str, arguments)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def history(folder):
    with (folder / "history.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("distilled", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_two_replicas_equal_one_device_with_the_same_global_batch(tmp_path, distilled):
    """Twelve steps with synchronised BatchNorm; 180 validation images in batches of 100 leave one
    that is not whole.
    """
    recipe = RECIPE
    if distilled:
        train(Recipe.from_json({**RECIPE, "seed": 1}), tmp_path / "teacher", verbose=0)
        recipe = {
            **RECIPE,
            "teacher": str(tmp_path / "teacher"),
            "distillation_weight": 0.8,
            "temperature": 2.0,
        }
    train(Recipe.from_json(recipe), tmp_path / "one", verbose=0)
    finished = subprocess.run(
        [sys.executable, "-c", TRAIN_ON_TWO_DEVICES, json.dumps(recipe), str(tmp_path / "two")],
        env={**os.environ, "LARQ_IGP_VIRTUAL_CPUS": "2"},
        capture_output=True,
        text=True,
        check=False,
        timeout=HANGS_SECONDS,
    )
    assert finished.returncode == 0, finished.stderr
    assert (
        "a batch of 75 does not divide among 2 replicas: make --batch-size a multiple of 2"
        in finished.stdout
    )
    assert not (tmp_path / "two-odd").exists()
    state = read_checkpoint(list_checkpoints(tmp_path / "two" / "checkpoints")[0]).state
    assert (state["replicas"], state["workers"], state["step"]) == (2, 1, 12)
    one, two = (
        open_run(tmp_path / name).load_model("last").get_weights() for name in ("one", "two")
    )
    before = open_run(tmp_path / "one").build_model().get_weights()
    assert (
        max(np.abs(a - b).max() for a, b in zip(one, before, strict=True)) > 0.02
    )  # it has learned
    for mine, theirs in zip(one, two, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=2e-3)
    (row_one,), (row_two,) = history(tmp_path / "one"), history(tmp_path / "two")
    for name in ("loss", "val_loss", "learning_rate", *["distillation"] * distilled):
        assert float(row_one[name]) == pytest.approx(float(row_two[name]), rel=1e-3)


def test_two_workers_equal_one_device_one_is_killed_and_the_job_goes_on(tmp_path):
    arguments = [
        "launch",
        "--workers",
        2,
        "resnet_tiny",
        *SMALL,
        "--bits",
        32,
        "--set",
        "synchronized_batchnorm=true",
    ]
    arguments += [
        "--checkpoint-seconds",
        0,
        "--run-dir",
        tmp_path / "run",
        "--resume",
        "--epochs",
        4,
    ]
    job = command(*arguments)
    deadline = time.time() + HANGS_SECONDS
    while not list_checkpoints(tmp_path / "run" / "checkpoints"):
        assert job.poll() is None and time.time() < deadline, job.communicate()
        time.sleep(0.05)
    children = subprocess.run(
        ["ps", "--ppid", str(job.pid), "-o", "pid="], capture_output=True, text=True, check=True
    )
    chief, worker = sorted(map(int, children.stdout.split()))
    os.kill(worker, signal.SIGKILL)
    output, errors = job.communicate(timeout=HANGS_SECONDS)
    assert job.returncode == 128 + signal.SIGKILL, (output, errors)
    assert "worker 1 was ended by signal 9: all were stopped." in errors
    with pytest.raises(ProcessLookupError):
        os.kill(chief, 0)
    before = read_checkpoint(list_checkpoints(tmp_path / "run" / "checkpoints")[0]).state["step"]
    assert not (tmp_path / "run" / "metrics.json").exists()

    job = command(*arguments)
    output, errors = job.communicate(timeout=HANGS_SECONDS)
    assert job.returncode == 0, errors
    assert re.search(rf"resuming at step {before} of 48", output)
    state = read_checkpoint(list_checkpoints(tmp_path / "run" / "checkpoints")[0]).state
    assert (state["step"], state["workers"], state["replicas"]) == (48, 2, 2)
    first, second = state["worker_digests"]
    assert first == second
    rows = history(tmp_path / "run")
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    train(Recipe.from_json({**RECIPE, "epochs": 4}), tmp_path / "one", verbose=0)
    for mine, theirs in zip(history(tmp_path / "one"), rows, strict=True):
        for name in ("loss", "val_loss"):
            assert float(mine[name]) == pytest.approx(float(theirs[name]), rel=1e-3)


def test_a_worker_reads_its_own_part_of_every_batch():
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    workers = []
    for index in range(2):
        config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        workers.append(
            subprocess.Popen(
                [sys.executable, "-c", READ_AS_A_WORKER],
                env={**os.environ, "TF_CONFIG": json.dumps(config)},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    outputs = [worker.communicate(timeout=HANGS_SECONDS) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], outputs
    first, second = (json.loads(output) for output, _ in outputs)
    assert first["read"] and second["read"] and not set(first["read"]) & set(second["read"])
    order = tf.random.experimental.stateless_shuffle(
        tf.range(50_000, dtype=tf.int64), seed=[0, 0]
    ).numpy()
    for step, parts in enumerate(zip(first["labels"], second["labels"], strict=True), start=3):
        assert [*parts[0], *parts[1]] == order[step * 10 : step * 10 + 10].tolist()


def test_a_worker_that_never_comes_is_one_sentence():
    own, other = (f"127.0.0.1:{port}" for port in free_ports(2))
    config = {"cluster": {"worker": [own, other]}, "task": {"type": "worker", "index": 0}}
    job = command("train", "resnet_tiny", "--worker-timeout", 1, TF_CONFIG=json.dumps(config))
    _, errors = job.communicate(timeout=HANGS_SECONDS)
    assert job.returncode == 2
    assert errors.strip().splitlines()[-1] == (
        f"Error: worker 1 at {other} did not come within 1 s: start it, or raise --worker-timeout."
    )


def test_the_cluster_is_read_from_the_environment(monkeypatch):
    cluster = {"chief": ["a:1"], "worker": ["b:2", "c:3"]}
    monkeypatch.setenv(
        "TF_CONFIG", json.dumps({"cluster": cluster, "task": {"type": "worker", "index": 1}})
    )
    found = find_cluster()
    assert (found.addresses, found.index, found.is_chief) == (("a:1", "b:2", "c:3"), 2, False)
    for config, message in (
        ("{", "TF_CONFIG must be like"),
        (
            json.dumps({"cluster": {"ps": ["a:1"]}, "task": {"type": "ps", "index": 0}}),
            "names a job 'ps'",
        ),
        (
            json.dumps({"cluster": cluster, "task": {"type": "worker", "index": 2}}),
            "has no worker 2 among its 3 tasks",
        ),
        (
            json.dumps(
                {"cluster": {"worker": ["a:1", "a:1"]}, "task": {"type": "worker", "index": 0}}
            ),
            "names a:1 twice",
        ),
        (
            json.dumps(
                {"cluster": {"worker": ["a:1", "b:65536"]}, "task": {"type": "worker", "index": 0}}
            ),
            "must be like",
        ),
    ):
        monkeypatch.setenv("TF_CONFIG", config)
        with pytest.raises(ClusterError, match=message):
            find_cluster()
    monkeypatch.delenv("TF_CONFIG")
    assert find_cluster() is None
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "many")
    with pytest.raises(ClusterError, match="SLURM_STEP_NUM_TASKS must be a number; got 'many'"):
        find_cluster()
    for name, value in {
        "SLURM_STEP_NUM_TASKS": "3",
        "SLURM_STEP_NODELIST": "node[1-2]",
        "SLURM_STEP_TASKS_PER_NODE": "2,1",
        "SLURM_PROCID": "2",
    }.items():
        monkeypatch.setenv(name, value)
    found = find_cluster()
    assert (found.addresses, found.index) == (("node1:12000", "node1:12001", "node2:12000"), 2)
