"""The commands of docs/gradient-paths.md are run, and print what it says."""

import re
from pathlib import Path

import pytest

TUTORIAL = Path(__file__).parents[1] / "docs" / "gradient-paths.md"
BLOCKS = re.findall(r"```console\n\$ larq-igp ([^\n]*)\n(.*?)```", TUTORIAL.read_text(), re.DOTALL)


@pytest.mark.parametrize(
    "command, output",
    BLOCKS,
    ids=[command.split()[0] + str(i) for i, (command, _) in enumerate(BLOCKS)],
)
def test_prints_what_it_says(igp, run_dir, tmp_path, command, output):
    words = command.replace("noise.png", str(tmp_path / "noise.png")).split()
    result = igp(*[run_dir if word == "runs/my-run" else word for word in words])
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(output)


def test_all_parts_are_there():
    assert [command.split()[0] for command, _ in BLOCKS] == [
        "capability",
        "paths",
        "paths",
        "reproduce",
        "design",
        "gradients",
    ]
