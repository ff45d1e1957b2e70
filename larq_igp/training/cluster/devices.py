"""One device, the GPUs of one machine, or many machines:

the same loop runs on all of them through ``tf.distribute``.
"""

import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from larq_igp.errors import UserError
from larq_igp.keras2 import tf
from larq_igp.training.cluster.workers import (
    Cluster,
    ClusterError,
    end_with_launcher,
    find_cluster,
    wait_for_workers,
)

STRATEGIES = ("auto", "none", "mirrored", "multiworker")
WORKER_TIMEOUT_SECONDS = 300.0
VIRTUAL_CPUS = "LARQ_IGP_VIRTUAL_CPUS"
"""Environment variable:

split the CPU into so many devices, to try ``mirrored`` on a machine without GPUs.
"""


class StrategyError(UserError):
    """The devices asked for are not there, or do not fit the batch."""


def threads() -> int:
    """Return the threads among which TensorFlow divides a sum on the CPU: those of
    ``TF_NUM_INTRAOP_THREADS`` or ``tf.config``, else one for each core that this process may use.
    Sums in other parts are rounded otherwise, so another number gives other last digits.
    """
    asked = tf.config.threading.get_intra_op_parallelism_threads()
    said = os.environ.get("TF_NUM_INTRAOP_THREADS", "")
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return asked or (int(said) if said.isdigit() else 0) or cores


@dataclass(frozen=True)
class Devices:
    """Where a run computes.

    Attributes:
        strategy: of ``tf.distribute``; the default one for a single device.
        workers: processes that train together.
        is_chief: whether this process is the one that writes.
    """

    strategy: Any
    workers: int = 1
    is_chief: bool = True
    _functions: dict = field(default_factory=dict, repr=False)

    @property
    def replicas(self) -> int:
        """Devices that hold a copy of the model."""
        return self.strategy.num_replicas_in_sync

    def check_batch_size(self, batch_size: int) -> None:
        """Refuse a global batch that cannot be shared out evenly.

        Raises:
            StrategyError: naming the nearest batch that can.
        """
        if batch_size % self.replicas:
            nearest = max(1, round(batch_size / self.replicas)) * self.replicas
            raise StrategyError(
                f"a batch of {batch_size} does not divide among {self.replicas} replicas: make "
                "--batch-size a multiple of "
                f"{self.replicas}, such as {nearest}."
            )

    def gather(self, numbers: list[int]) -> np.ndarray:
        """Return the rows ``(workers, len(numbers))`` of integers below 2^31 of all workers, which
        must call this together.
        """
        if self.workers == 1:
            return np.array([numbers])
        if "gather" not in self._functions:

            @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)])
            def gather(row):
                def replica(row):
                    return tf.distribute.get_replica_context().all_gather(row[tf.newaxis], axis=0)

                return self.strategy.experimental_local_results(
                    self.strategy.run(replica, args=(row,))
                )[0]

            self._functions["gather"] = gather
        rows = self._functions["gather"](tf.constant(numbers, tf.int32)).numpy()
        return rows[:: self.replicas // self.workers]

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """Return for each flag whether it is set on any worker; all must call this together."""
        if self.workers == 1:
            return flags
        return tuple(bool(column.any()) for column in self.gather([int(flag) for flag in flags]).T)


def open_devices(name: str = "auto", *, worker_timeout: float = WORKER_TIMEOUT_SECONDS) -> Devices:
    """Return the devices to train on. Must come before TensorFlow computes anything, if there are
    several.

    Args:
        name: ``none`` is one device; ``mirrored`` the GPUs of this machine; ``multiworker`` the
            workers that ``TF_CONFIG`` or Slurm names; ``auto`` the last that is there.
        worker_timeout: seconds to wait for the other workers.

    Raises:
        StrategyError: if the devices are not there.
        ClusterError: if the workers are not.
    """
    if name not in STRATEGIES:
        raise StrategyError(f"--strategy must be one of {', '.join(STRATEGIES)}; got {name!r}.")
    cluster = find_cluster() if name in ("auto", "multiworker") else None
    if name == "multiworker" and cluster is None:
        raise StrategyError(
            "--strategy multiworker needs TF_CONFIG or Slurm's environment to name the workers; "
            "`larq-igp launch --workers N` starts them on this machine."
        )
    if cluster is not None:
        return _multiworker(cluster, worker_timeout)
    if name == "none":
        return Devices(tf.distribute.get_strategy())
    names = _local_devices()
    if name == "mirrored" and not names:
        raise StrategyError(
            "--strategy mirrored found no GPU on this machine: leave it out to train on the CPU."
        )
    if name == "mirrored" or len(names) > 1:
        return Devices(tf.distribute.MirroredStrategy(names))
    return Devices(tf.distribute.get_strategy())


def _local_devices() -> list[str]:
    """Return the GPUs, or the parts into which the CPU is split."""
    count = os.environ.get(VIRTUAL_CPUS)
    if count is None:
        return [f"GPU:{i}" for i in range(len(tf.config.list_logical_devices("GPU")))]
    if not count.isdigit() or int(count) < 1:
        raise StrategyError(f"{VIRTUAL_CPUS} must be a positive number; got {count!r}.")
    cpu = tf.config.list_physical_devices("CPU")[0]
    if len(tf.config.get_logical_device_configuration(cpu) or ()) == int(count):
        return [f"CPU:{i}" for i in range(int(count))]
    try:
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * int(count)
        )
    except RuntimeError as error:
        raise StrategyError(
            f"{VIRTUAL_CPUS} came too late: TensorFlow has already computed something."
        ) from error
    return [f"CPU:{i}" for i in range(int(count))]


def _multiworker(cluster: Cluster, timeout_seconds: float) -> Devices:
    end_with_launcher()
    os.environ["TF_CONFIG"] = cluster.tf_config()
    if len(cluster.addresses) == 1:
        names = _local_devices()
        return Devices(
            tf.distribute.MirroredStrategy(names)
            if len(names) > 1
            else tf.distribute.get_strategy()
        )
    wait_for_workers(cluster, timeout_seconds)
    try:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    except (RuntimeError, tf.errors.OpError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ClusterError(
            f"worker {cluster.index} could not join the others: {reason}."
        ) from error
    return Devices(strategy, workers=len(cluster.addresses), is_chief=cluster.is_chief)
