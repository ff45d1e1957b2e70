"""The workers of a job, from ``TF_CONFIG`` or Slurm, and whether they are there."""

import json
import os
import signal
import socket
import sys
import threading
import time
from dataclasses import dataclass

from larq_igp.errors import UserError

RETRY_SECONDS = 0.2
SLURM_PORT_BASE = 12_000
LAUNCHED = "LARQ_IGP_LAUNCHED"
"""Environment variable that ``launch`` sets for its workers, which it ends itself."""
GRACE_SECONDS = 20.0
"""How long workers may continue to stop by themselves, before they are killed."""


class ClusterError(UserError):
    """The description of the cluster is not valid, or a worker is missing."""


@dataclass(frozen=True)
class Cluster:
    """Where the workers are.

    Attributes:
        addresses: ``host:port`` of each, the chief first.
        index: of this process among them.
    """

    addresses: tuple[str, ...]
    index: int

    @property
    def is_chief(self) -> bool:
        """Whether this process is the one that writes."""
        return self.index == 0

    def tf_config(self) -> str:
        """Return the value of ``TF_CONFIG`` for this process."""
        return json.dumps(
            {
                "cluster": {"worker": list(self.addresses)},
                "task": {"type": "worker", "index": self.index},
            }
        )


def find_cluster() -> Cluster | None:
    """Return the cluster that the environment describes, ``TF_CONFIG`` before Slurm; None if it
    describes none.

    Raises:
        ClusterError: if it is not valid.
    """
    if os.environ.get("TF_CONFIG"):
        return _from_tf_config(os.environ["TF_CONFIG"])
    tasks = os.environ.get("SLURM_STEP_NUM_TASKS", "1")
    if not tasks.isdigit():
        raise ClusterError(f"SLURM_STEP_NUM_TASKS must be a number; got {tasks!r}.")
    return _from_slurm() if int(tasks) > 1 else None


def end_with_launcher() -> None:
    """In a worker of ``launch``, stop as soon as ``launch`` has ended, however it ended: as by
    SIGTERM, with a checkpoint, or after ``GRACE_SECONDS`` at once.
    """
    if LAUNCHED in os.environ:
        threading.Thread(target=_wait_for_the_end, daemon=True).start()


def _wait_for_the_end() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass  # launch writes nothing
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(128 + signal.SIGTERM)


def _from_tf_config(text: str) -> Cluster:
    try:
        config = json.loads(text)
        jobs, task = config["cluster"], config["task"]
        unknown = set(jobs) - {"chief", "worker"}
        if unknown:
            raise ClusterError(
                f"TF_CONFIG names a job {min(unknown)!r}: all must be workers, the first may be a "
                "chief."
            )
        chiefs, workers = jobs.get("chief", []), jobs.get("worker", [])
        index = int(task["index"]) + (len(chiefs) if task["type"] == "worker" else 0)
        addresses = (*chiefs, *workers)
        for address in addresses:
            _split(address)
        twice = [address for address in addresses if addresses.count(address) > 1]
        if twice:
            raise ClusterError(f"TF_CONFIG names {twice[0]} twice: each worker needs its own port.")
        if not 0 <= index < len(addresses) or task["type"] not in jobs:
            raise ClusterError(
                f"TF_CONFIG has no {task['type']} {task['index']} among its {len(addresses)} tasks."
            )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ClusterError(
            'TF_CONFIG must be like {"cluster": {"worker": ["host1:port", "host2:port"]}, "task": '
            '{"type": "worker", "index": 0}}; '
            f"got {text!r}."
        ) from error
    return Cluster(addresses, index)


def _from_slurm() -> Cluster:
    from larq_igp.keras2 import tf

    try:
        # GPUs are shared out by Slurm itself (--gpus-per-task); numbers given here keep TensorFlow
        # from asking nvidia-smi for them.
        resolver = tf.distribute.cluster_resolver.SlurmClusterResolver(
            port_base=SLURM_PORT_BASE, auto_set_gpu=False, gpus_per_node=1024, gpus_per_task=1
        )
        addresses = tuple(resolver.cluster_spec().as_dict()["worker"])
        index = resolver.get_task_info()[1]
    except (ValueError, RuntimeError, KeyError, OSError) as error:
        raise ClusterError(
            f"the workers could not be read from Slurm's environment: {error}."
        ) from error
    return Cluster(addresses, index)


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not 0 < int(port) < 2**16:
        raise ValueError(address)
    return host, int(port)


def wait_for_workers(cluster: Cluster, timeout_seconds: float) -> None:
    """Open this worker's port, and return as soon as every other worker's answers.

    TensorFlow itself waits for workers much longer, and says less. The port is closed again:
    TensorFlow opens it itself.

    Raises:
        ClusterError: naming the workers that did not come in time, or that this one's port is
            taken.
    """
    deadline = time.monotonic() + timeout_seconds
    host, port = _split(cluster.addresses[cluster.index])
    with socket.socket() as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            own.bind(("", port))
            own.listen(len(cluster.addresses))
        except OSError as error:
            raise ClusterError(
                f"worker {cluster.index} cannot listen on {host}:{port}: {error.strerror}."
            ) from error
        missing = [i for i in range(len(cluster.addresses)) if i != cluster.index]
        while missing := [i for i in missing if not _answers(cluster.addresses[i])]:
            if time.monotonic() > deadline:
                names = ", ".join(f"{i} at {cluster.addresses[i]}" for i in missing)
                raise ClusterError(
                    f"worker {names} did not come within {timeout_seconds:g} s: start it, or "
                    "raise --worker-timeout."
                )
            time.sleep(RETRY_SECONDS)


def _answers(address: str) -> bool:
    try:
        socket.create_connection(_split(address), timeout=1).close()
    except OSError:
        return False
    return True
