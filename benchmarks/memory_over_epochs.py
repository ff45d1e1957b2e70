"""Memory of a training run over its epochs: it must not grow.

    python benchmarks/memory_over_epochs.py --epochs 40

A small run on the digits, with all that a run writes after each epoch; the resident set size of the
process at each epoch's end. The first epochs allocate (compilation, caches of the allocator);
growth is the slope of a line through the rest.
"""

import json
import os
import tempfile
import threading
import time
from pathlib import Path

import click
import numpy as np

from larq_igp.training.fit.train import train
from larq_igp.training.recipe import Recipe

WARM_UP_EPOCHS = 10


def resident_bytes() -> int:
    """Return the resident set size of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def sample(history: Path, sizes: dict[int, int], done: threading.Event) -> None:
    """Note the size each time the history has grown."""
    while not done.wait(0.02):
        if history.exists():
            epoch = len(history.read_text().splitlines()) - 1
            if epoch > 0:
                sizes.setdefault(epoch, resident_bytes())
        time.sleep(0)


@click.command(help=__doc__.splitlines()[0])
@click.option(
    "--epochs", type=click.IntRange(20), default=40, show_default=True, help="Of the run."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def memory(epochs: int, as_json: bool) -> None:
    """See the module."""
    recipe = Recipe(
        network="resnet_tiny",
        parameters={"filters": 8, "blocks": (1,)},
        input_shape=(28, 28, 1),
        batch_size=100,
        epochs=epochs,
    )
    sizes: dict[int, int] = {}
    done = threading.Event()
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        watcher = threading.Thread(target=sample, args=(run / "history.csv", sizes, done))
        watcher.start()
        train(recipe, run, verbose=0, checkpoint_seconds=1.0)
        done.set()
        watcher.join()
    late = {epoch: size for epoch, size in sizes.items() if epoch > WARM_UP_EPOCHS}
    slope = float(np.polyfit(list(late), list(late.values()), 1)[0])
    if as_json:
        click.echo(json.dumps({"resident_bytes": sizes, "slope_bytes_per_epoch": slope}))
        return
    for epoch, size in sizes.items():
        click.echo(f"epoch {epoch:3d}  {size / 2**20:8.1f} MiB")
    click.echo(f"after epoch {WARM_UP_EPOCHS}: {slope / 2**10:+.1f} KiB an epoch")


if __name__ == "__main__":
    memory()
