"""What earlier versions wrote is read, and what later ones wrote is refused."""

import json
import shutil
from pathlib import Path

import pytest

from larq_igp.training.run.directory import open_run
from larq_igp.training.run.format import LaterFormatError

FIXTURES = Path(__file__).parents[2] / "fixtures"
OLD = FIXTURES / "version_0.1.0"
DIGITS = tuple("0123456789")


def test_a_finished_run_of_version_0_1_0_opens_and_evaluates(igp):
    run = open_run(OLD / "finished")
    assert run.class_names == run.data.class_names == DIGITS
    assert (run.data.dataset, run.data.contents, run.data.split_rule) == ("digits", None, None)
    metrics = json.loads((OLD / "finished" / "metrics.json").read_text())
    result = igp("evaluate", OLD / "finished", "--json")
    assert result.exit_code == 0, result.stderr
    measured = json.loads(result.stdout)
    assert measured["examples"] == metrics["examples"]
    assert measured["top1"] == pytest.approx(metrics["top1"], abs=1.5 / metrics["examples"])


def test_a_run_of_a_later_version_is_refused(tmp_path):
    config = json.loads((OLD / "finished" / "config.json").read_text())
    run = tmp_path / "run"
    shutil.copytree(OLD / "finished", run)
    (run / "config.json").write_text(json.dumps({**config, "format": 3, "recipe": {"new": 1}}))
    with pytest.raises(LaterFormatError, match=r"config.json was written by a later version"):
        open_run(run)
