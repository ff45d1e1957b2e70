"""Every variable that decides how training continues, out of a model and into it: weights,
optimizer slots, counters, running metrics.

Under ``tf.distribute`` most variables are the same on all replicas. Those that are only brought
together when they are read (sums of metrics, the statistics of BatchNorm that is not synchronised)
differ, and are kept with one row for each replica.
"""

import re
import zlib
from collections.abc import Iterable

import numpy as np

from larq_igp.errors import UserError
from larq_igp.keras2 import tf


def find_variables(network: "tf.keras.Model", model: "tf.keras.Model") -> list["tf.Variable"]:
    """Return all variables of a model that is built, compiled and traced, each once, in the same
    order in every process.

    Args:
        network: its weights come first.
        model: that is fitted; its optimizer and metrics have made their variables.
    """
    optimizer = model.optimizer
    slots: list = []
    for name in (
        "variables",
        "weights",
    ):  # the second is what optimizers made of several, like larq's CaseOptimizer, know
        of_optimizer = getattr(optimizer, name, [])
        slots += of_optimizer() if callable(of_optimizer) else of_optimizer
    tracked = (
        each
        for each in tf.train.TrackableView(model).descendants()
        if isinstance(each, tf.Variable)
    )
    metrics = (variable for metric in model.metrics for variable in metric.variables)
    candidates: Iterable = (*network.weights, *slots, *metrics, *tracked)
    return list({id(variable): variable for variable in candidates}.values())


class TrainingVariables:
    """Reads and sets the variables of a model that is being trained."""

    def __init__(
        self, strategy: "tf.distribute.Strategy", network: "tf.keras.Model", model: "tf.keras.Model"
    ):
        self.strategy = strategy
        self.weights = len(network.weights)
        self.variables = find_variables(network, model)
        local = [
            i
            for i, v in enumerate(self.variables)
            if v.synchronization == tf.VariableSynchronization.ON_READ
        ]
        dtypes = {self.variables[i].dtype for i in local}
        self.local = [
            [i for i in local if self.variables[i].dtype == dtype]
            for dtype in sorted(dtypes, key=str)
        ]
        self._read = [tf.function(self._reader(group)) for group in self.local]
        self._write = [tf.function(self._writer(group)) for group in self.local]

    def names(self) -> list[str]:
        """Return a name for each variable, without the numbers that Keras gives by what was built
        before in a process.
        """
        return [
            f"{i:04d} {re.sub(r'_[0-9]+(?=[/:]|$)', '', v.name)}"
            for i, v in enumerate(self.variables)
        ]

    def read(self) -> dict[str, np.ndarray]:
        """Return all values by name. All workers must call it together."""
        values: list = [None] * len(self.variables)
        for group, read in zip(self.local, self._read, strict=True):
            rows = read().numpy()
            sizes = [int(np.prod(self.variables[i].shape)) for i in group]
            parts = np.split(rows, np.cumsum(sizes)[:-1], axis=1)
            for i, part in zip(group, parts, strict=True):
                values[i] = part.reshape(len(rows), *self.variables[i].shape)
        for i, variable in enumerate(self.variables):
            if values[i] is None:
                values[i] = variable.numpy()
        return dict(zip(self.names(), values, strict=True))

    def write(self, values: dict[str, np.ndarray]) -> bool:
        """Set all variables to what ``read`` returned.

        Returns:
            whether every digit is what it was: not, if there are more or fewer replicas now.

        Raises:
            UserError: if they are the values of another model, or of none.
        """
        names = self.names()
        kinds = [(v.dtype.as_numpy_dtype, tuple(v.shape)) for v in self.variables]
        local = {i for group in self.local for i in group}
        given = [
            (values[name].dtype, values[name].shape[1:] if i in local else values[name].shape)
            for i, name in enumerate(names)
            if name in values
        ]
        if list(values)[: len(names)] != names or given != kinds:
            raise UserError(
                "the checkpoint holds other variables than this network and optimizer have: "
                "it was written by another version of the software."
            )
        broken = next((name for name in names if not np.isfinite(values[name]).all()), None)
        if broken is not None:
            raise UserError(f"{broken[5:]} in the checkpoint is not finite: it cannot be resumed.")
        with self.strategy.scope():
            for i, variable in enumerate(self.variables):
                if i not in local:
                    variable.assign(values[names[i]])
        exact = True
        replicas = self.strategy.num_replicas_in_sync
        for group, write in zip(self.local, self._write, strict=True):
            rows = [values[names[i]] for i in group]
            if len(rows[0]) != replicas:
                exact = False
                rows = [self._spread(i, row, replicas) for i, row in zip(group, rows, strict=True)]
            write(tf.constant(np.concatenate([row.reshape(replicas, -1) for row in rows], axis=1)))
        return exact

    def network_weights(self, values: dict[str, np.ndarray]) -> list[np.ndarray]:
        """Return the weights of the network out of what ``read`` returned:

        of replicas that differ, the mean.
        """
        local = {i for group in self.local for i in group}
        arrays = list(values.values())[: self.weights]
        return [_mean(array) if i in local else array for i, array in enumerate(arrays)]

    def digest(self, values: dict[str, np.ndarray]) -> int:
        """Return a CRC-32 of all values: equal on workers that agree."""
        crc = 0
        for value in list(values.values())[: len(self.variables)]:
            crc = zlib.crc32(np.ascontiguousarray(value).reshape(-1).view(np.uint8).data, crc)
        return crc

    def _reader(self, group: list[int]):
        def replica():
            flat = tf.concat([tf.reshape(self.variables[i], [-1]) for i in group], axis=0)[
                tf.newaxis
            ]
            if self.strategy.num_replicas_in_sync == 1:
                return flat
            return tf.distribute.get_replica_context().all_gather(flat, axis=0)

        return lambda: self.strategy.experimental_local_results(self.strategy.run(replica))[0]

    def _writer(self, group: list[int]):
        def replica(rows):
            row = rows[tf.distribute.get_replica_context().replica_id_in_sync_group]
            sizes = [int(np.prod(self.variables[i].shape)) for i in group]
            for i, part in zip(group, tf.split(row, sizes), strict=True):
                self.variables[i].assign(tf.reshape(part, self.variables[i].shape))

        return lambda rows: self.strategy.run(replica, args=(rows,))

    def _spread(self, index: int, rows: np.ndarray, replicas: int) -> np.ndarray:
        """Share values among another number of replicas: sums are divided, means repeated."""
        if self.variables[index].aggregation == tf.VariableAggregation.SUM:
            return np.repeat(
                rows.sum(axis=0, keepdims=True) / rows.dtype.type(replicas), replicas, axis=0
            )
        return np.repeat(_mean(rows)[np.newaxis], replicas, axis=0)


def _mean(rows: np.ndarray) -> np.ndarray:
    return rows[0] if (rows == rows[0]).all() else rows.mean(axis=0)
