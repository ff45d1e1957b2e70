"""What happens between epochs: files are written whole, the best weights kept, a broken loss stops the run."""

import math
import time

from larq_igp.errors import UserError
from larq_igp.files import atomic_path
from larq_igp.keras2 import tf
from larq_igp.training.run import Run, weights_path


class NonFiniteLossError(UserError):
    """The loss became NaN or infinite."""


class EpochFacts(tf.keras.callbacks.Callback):
    """Adds the learning rate and the seconds of the epoch to the logs; stands before the callbacks that write them."""

    def on_epoch_begin(self, epoch, logs=None):
        """Start the clock."""
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        """Add to the logs."""
        optimizer = self.model.optimizer
        rate = optimizer.learning_rate
        logs["learning_rate"] = float(rate(optimizer.iterations) if callable(rate) else rate)
        logs["seconds"] = round(time.perf_counter() - self._start, 3)


class History(tf.keras.callbacks.CSVLogger):
    """Writes one row an epoch, epochs counted from 1 as the progress bar does."""

    def on_epoch_end(self, epoch, logs=None):
        """Write the row."""
        super().on_epoch_end(epoch + 1, logs)


class SaveWeights(tf.keras.callbacks.Callback):
    """Saves the weights after each epoch, and keeps those with the best validation accuracy (on a tie, the lower loss)."""

    def __init__(self, run: Run):
        super().__init__()
        self.run = run
        self.best = (-1.0, -math.inf)
        self.best_epoch = 0

    def on_epoch_end(self, epoch, logs=None):
        """Save."""
        self._save("last")
        score = (logs["val_top1"], -logs["val_loss"])
        if score > self.best:
            self.best, self.best_epoch = score, epoch + 1
            self._save("best")

    def _save(self, which: str) -> None:
        with atomic_path(weights_path(self.run.folder, which)) as path:
            self.model.save_weights(str(path))


class StopOnNonFiniteLoss(tf.keras.callbacks.Callback):
    """Raises at the step whose loss is NaN or infinite."""

    def on_train_begin(self, logs=None):
        """Count steps from the start of training."""
        self._step = 0

    def on_train_batch_end(self, batch, logs=None):
        """Check the running mean, which one non-finite loss makes non-finite."""
        self._step += 1
        if not math.isfinite(logs["loss"]):
            raise NonFiniteLossError(
                f"the loss became {logs['loss']} at step {self._step}: lower --learning-rate. The weights of the last whole epoch are kept."
            )
