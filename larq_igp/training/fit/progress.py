"""Progress of a run: on a terminal a bar with images per second and the time that the whole run
still takes, elsewhere a line an epoch.
"""

import sys
import time

from tqdm import tqdm

REFRESH_SECONDS = 0.2
TIMED_STEPS, LONG_SECONDS = 3, 5.0
"""Steps that tell how long an epoch takes; fewer where they take so long."""
BAR = "{desc} {percentage:3.0f}%|{bar:20}| {rate_fmt}, {remaining} left{postfix}"
SHOWN = ("loss", "top1", "distillation", "val_loss", "val_top1")


class Progress:
    """Prints on standard output."""

    def __init__(self, *, verbose: int, epochs: int, steps: int, batch_size: int, step: int = 0):
        """Prepare.

        Args:
            verbose: 0 silent, 1 a bar, 2 a line an epoch.
            epochs: of the run.
            steps: of an epoch.
            batch_size: images in a step.
            step: of the run, where it starts in this process.
        """
        self._lines, self._epochs, self._steps = verbose > 0, epochs, steps
        self._left = epochs - step // steps
        self._done, self._since, self._is_told = 0, 0.0, False
        self._bar = tqdm(
            disable=not (verbose == 1 and sys.stdout.isatty()),
            desc="compiling",
            total=epochs * steps,
            initial=step,
            unit=" images",
            unit_scale=batch_size,
            mininterval=REFRESH_SECONDS,
            bar_format=BAR,
            leave=False,
            file=sys.stdout,
        )

    def step(self, step: int, logs: dict[str, float]) -> None:
        """Show a step; ``step`` counts those that are done."""
        self._bar.set_description_str(
            f"epoch {(step - 1) // self._steps + 1}/{self._epochs}", refresh=False
        )
        self._bar.set_postfix_str(_figures(logs), refresh=False)
        self._bar.update()
        self._tell_time()

    def _tell_time(self) -> None:
        """Say once how long it is going to take, by the steps after the first, which compiles."""
        if self._is_told or not self._lines:
            return
        self._done += 1
        if self._done == 1:
            self._since = time.monotonic()
            return
        timed, seconds = self._done - 1, time.monotonic() - self._since
        if timed < TIMED_STEPS and seconds < LONG_SECONDS:
            return
        self._is_told = True
        of_epoch = self._steps * seconds / timed
        whole = tqdm.format_interval(of_epoch * self._left)
        all_epochs = f", {whole} for {self._left} epochs" if self._left > 1 else ""
        tqdm.write(
            f"about {of_epoch:,.1f} s for an epoch of {self._steps:,} steps{all_epochs}, without "
            "validation",
            file=sys.stdout,
        )

    def validating(self) -> None:
        """Show that the steps of an epoch are done, and its validation is not."""
        self._bar.set_description_str("validating")
        self._done = 0  # steps that are timed stand in one epoch

    def epoch(self, row: dict[str, float]) -> None:
        """Show an epoch's row of the history."""
        if not self._lines:
            return
        left = (self._epochs - row["epoch"]) * row["seconds"]
        rest = f", {tqdm.format_interval(left)} left" if left else ""
        tqdm.write(
            f"epoch {row['epoch']}/{self._epochs}: {_figures(row)}, "
            f"{row['images_per_second']:,.0f} images/s, "
            f"{tqdm.format_interval(row['seconds'])}{rest}",
            file=sys.stdout,
        )
        sys.stdout.flush()

    def close(self) -> None:
        """Remove the bar."""
        self._bar.close()


def _figures(logs: dict[str, float]) -> str:
    return ", ".join(f"{name} {logs[name]:.4f}" for name in SHOWN if name in logs)
