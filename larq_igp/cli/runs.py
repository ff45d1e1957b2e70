"""``runs``."""

from pathlib import Path

import click

from larq_igp.architectures.zoo import network_text
from larq_igp.cli.output import Refusal, emit, json_option, table

HEADER = ("run", "state", "network", "dataset", "epoch", "best validation", "test")


def percent(share: float | None) -> str:
    """Format a share."""
    return "-" if share is None else f"{share:.2%}"


@click.command(short_help="List runs with their state and accuracy.")
@click.argument("folder", default="runs", type=click.Path(path_type=Path))
@json_option
def runs(folder: Path, as_json: bool) -> None:
    """List the runs in FOLDER with their best accuracy.

    A run is running, interrupted, finished, failed or damaged. FOLDER is `runs` if none is named.
    """
    from larq_igp.training.run.listing import list_runs

    if not folder.is_dir():
        raise Refusal(f"{folder} is not a folder: name one that holds runs.")
    found = list_runs(folder)
    rows = [
        (
            row["run"],
            row["state"],
            network_text(row["network"], row["parameters"] or {}) if row["network"] else "-",
            row["dataset"] or "-",
            f"{row['epoch']}/{row['epochs'] or '-'}",
            percent(row["best_validation_top1"]),
            percent(row["test_top1"]),
        )
        for row in found
    ]
    text = table(rows, HEADER) if rows else f"{folder} holds no runs."
    stopped = [["train", "--resume", row["run"]] for row in found if row["state"] == "interrupted"]
    finished = [row["run"] for row in found if row["state"] == "finished"]
    emit(as_json, found, text, then=stopped[:1] or ([["report", *finished]] if finished else []))
