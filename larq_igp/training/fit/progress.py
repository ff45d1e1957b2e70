"""The progress bar:

where the epoch stands, images per second, and the time that the whole run still takes.
"""

import sys
import time

REFRESH_SECONDS = 0.2
BAR = 20
SMOOTHING = 0.9


def duration(seconds: float) -> str:
    """Format seconds: ``42 s``, ``3:05 min``, ``2:07 h``, ``1 d 3 h``."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60}:{seconds % 60:02d} min"
    if seconds < 86400:
        return f"{seconds // 3600}:{seconds % 3600 // 60:02d} h"
    return f"{seconds // 86400} d {seconds % 86400 // 3600} h"


class Progress:
    """Prints on standard output.

    On a terminal the line is rewritten; elsewhere there is one line an epoch.
    """

    def __init__(self, *, verbose: int, epochs: int, steps: int, batch_size: int, step: int = 0):
        """Prepare.

        Args:
            verbose: 0 silent, 1 a bar, 2 a line an epoch.
            epochs: of the run.
            steps: of an epoch.
            batch_size: images in a step.
            step: of the run, where it starts in this process.
        """
        self._lines, self._bar = verbose > 0, verbose == 1 and sys.stdout.isatty()
        self._epochs, self._steps, self._batch_size = epochs, steps, batch_size
        self._rate: float | None = None  # steps per second
        self._last_time, self._last_step = time.perf_counter(), step
        self._shown = 0.0

    def restart_clock(self, step: int) -> None:
        """Leave out of the rate what was no step."""
        self._last_time, self._last_step = time.perf_counter(), step

    def step(self, step: int, logs: dict[str, float]) -> None:
        """Show a step; ``step`` counts those that are done."""
        now = time.perf_counter()
        if now - self._last_time < REFRESH_SECONDS:
            return
        rate = (step - self._last_step) / (now - self._last_time)
        self._rate = rate if self._rate is None else SMOOTHING * self._rate + (1 - SMOOTHING) * rate
        self._last_time, self._last_step = now, step
        if not self._bar:
            return
        done = step - (step - 1) // self._steps * self._steps
        bar = "=" * (BAR * done // self._steps)
        left = (self._epochs * self._steps - step) / self._rate
        self._print(
            f"epoch {(step - 1) // self._steps + 1}/{self._epochs} "
            f"[{bar:<{BAR}}] {done}/{self._steps}, "
            f"{self._rate * self._batch_size:,.0f} images/s, {duration(left)} left, "
            f"{_figures(logs)}",
            end="",
        )

    def epoch(self, row: dict[str, float]) -> None:
        """Show an epoch's row of the history."""
        if not self._lines:
            return
        figures = _figures(
            {name: row[name] for name in ("loss", "top1", "val_loss", "val_top1") if name in row}
        )
        left = (self._epochs - row["epoch"]) * self._steps / self._rate if self._rate else None
        rest = f", {duration(left)} left" if left else ""
        self._print(
            f"epoch {row['epoch']}/{self._epochs}: {figures}, {row['images_per_second']:,.0f} "
            "images/s, "
            f"{duration(row['seconds'])}{rest}"
        )

    def _print(self, text: str, end: str = "\n") -> None:
        if self._bar:
            text = f"\r{text}\x1b[K"
        print(text, end=end, flush=True)

    def close(self) -> None:
        """End the line."""
        if self._bar:
            print("\r\x1b[K", end="", flush=True)


def _figures(logs: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in logs.items() if "top5" not in name)
