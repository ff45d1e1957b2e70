"""The names of what lies in a run directory, for those who read one without TensorFlow.

config.json         the recipe, the identity of the data, preprocessing, tool versions
history.csv         one row an epoch
layers.csv          one row an epoch and binary layer: flipped weights, saturated activations
best.weights.h5     weights of the best validation epoch
last.weights.h5     weights after the last epoch
metrics.json        final measurements on the test split
confusion.csv       its confusion matrix: a row for each class, a column for each answer, recall
mistakes.csv        its most confident mistakes
curves.svg          the history, drawn; confusion.svg the confusion matrix
tensorboard/        the same as history.csv and layers.csv, as event files
initial.weights.h5  a copy of the weights that the recipe starts from
teacher/            a copy of the teacher that the recipe names, or the run of the 32-bit twin
first_stage/        the run of the first stage
checkpoints/        what a run is resumed from; one is left when it has finished
status.json         why it stops before its end, if it could say so
run.lock            held by the process that trains
"""

import shlex
from pathlib import Path

CONFIG, HISTORY, LAYERS, METRICS = "config.json", "history.csv", "layers.csv", "metrics.json"
TENSORBOARD, CHECKPOINTS, STATUS, LOCK = "tensorboard", "checkpoints", "status.json", "run.lock"
CONFUSION, MISTAKES = "confusion.csv", "mistakes.csv"
CONFUSION_CHART, CURVES_CHART = "confusion.svg", "curves.svg"
TEACHER, FIRST_STAGE = "teacher", "first_stage"


def weights_path(folder: Path, which: str) -> Path:
    """Return the weights file ``best``, ``last`` or ``initial`` of a run."""
    return folder / f"{which}.weights.h5"


def resume_command(folder: Path) -> str:
    """Return the command that resumes a run."""
    return f"`larq-igp train --resume {shlex.quote(str(folder))}`"
