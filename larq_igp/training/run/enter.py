"""Enter a run's folder to train in it: a new one, or one that is resumed."""

from contextlib import ExitStack

from larq_igp.errors import UserError
from larq_igp.training.run.checkpoint import Checkpoint, clean, latest_checkpoint
from larq_igp.training.run.directory import (
    Run,
    make_folder,
    open_run,
    read_status,
    update_config,
    write_config,
)
from larq_igp.training.run.layout import CHECKPOINTS, CONFIG, METRICS, STATUS, weights_path
from larq_igp.training.run.lock import locked
from larq_igp.training.run.same_run import check_same_run


def enter_run(
    run: Run, *, resume: bool, inner: bool, is_chief: bool, held: ExitStack
) -> Checkpoint | None:
    """Lock the folder of a run, and return what to resume from, or None to start.

    Args:
        run: as it is asked for.
        resume: whether it may be there already.
        inner: whether it is part of another run.
        is_chief: whether this process locks and writes.
        held: gets the lock.

    Raises:
        UserError: if the folder cannot be used, holds a run by another recipe or of other data, or
            one that cannot be resumed.
    """
    folder = run.folder
    resumed = resume and (folder / CONFIG).is_file()
    if is_chief:
        if not resumed:
            make_folder(folder)
        held.enter_context(locked(folder))
    if not resumed:
        if is_chief:
            write_config(run)
        return None
    is_finished = (folder / METRICS).is_file()
    if is_chief:
        clean(folder)
        clean(folder / CHECKPOINTS)
    checkpoint = None if is_finished else latest_checkpoint(folder / CHECKPOINTS)
    if checkpoint is None and not is_finished and weights_path(folder, "last").is_file():
        raise UserError(
            f"{folder} has trained, and holds no checkpoint to resume from: start a new run with "
            "another --run-dir."
        )
    # Read before the configuration, which the chief writes before it removes the status.
    images_replaced = bool(read_status(folder).get("corrupt_image"))
    check_same_run(run, open_run(folder), checkpoint, inner=inner, images_replaced=images_replaced)
    if is_chief:
        update_config(run)
        (folder / STATUS).unlink(missing_ok=True)
    return checkpoint
