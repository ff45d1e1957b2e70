"""What a run prints while it trains, on a terminal and elsewhere."""

import io
import re
import time
from contextlib import redirect_stdout

from larq_igp.training.fit.progress import REFRESH_SECONDS, Progress

ROW = {
    "epoch": 1,
    "loss": 0.5,
    "top1": 0.25,
    "top5": 0.5,
    "val_loss": 0.75,
    "val_top1": 0.125,
    "images_per_second": 1234.4,
    "seconds": 65.0,
}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed(stream: io.StringIO, verbose: int, steps: int = 3) -> str:
    with redirect_stdout(stream):
        progress = Progress(verbose=verbose, epochs=3, steps=4, batch_size=10, step=2)
        for step in range(3, 3 + steps):
            time.sleep(1.1 * REFRESH_SECONDS)
            progress.step(step, {"loss": 0.5, "top1": 0.25, "top5": 0.5})
        progress.epoch(ROW)
        progress.close()
    return stream.getvalue()


def test_a_line_an_epoch_where_there_is_no_terminal():
    line = (
        "epoch 1/3: loss 0.5000, top1 0.2500, val_loss 0.7500, val_top1 0.1250, 1,234 images/s, "
        "01:05, 02:10 left\n"
    )
    assert printed(io.StringIO(), verbose=1) == line
    assert printed(io.StringIO(), verbose=2) == line
    assert printed(Terminal(), verbose=2) == line
    assert printed(Terminal(), verbose=0) == ""


def test_a_bar_with_the_time_left_on_a_terminal():
    text = printed(Terminal(), verbose=1)
    # 5 of 12 steps are done.
    bar = r"epoch 2/3  42%\|.{20}\| +\d+\.\d+ images/s, \d\d:\d\d left, loss 0.5000, top1 0.2500"
    assert re.search(bar, text), text
    assert text.rpartition("\r")[2] == ""  # the bar is removed
    assert "epoch 1/3: loss 0.5000" in text
