"""What ``convert`` writes on the card of a run beside the findings on the file."""

from larq_igp.deploy.card import read_card
from larq_igp.inference.evaluate import evaluate
from larq_igp.training.recipe.command import command_of
from larq_igp.training.run.directory import open_run


def test_measured_accuracies_are_those_of_the_file(run_dir, tmp_path, igp):
    path = tmp_path / "my net.tflite"
    igp("convert", run_dir, "-o", path, "--measure")
    card, recipe = read_card(path), open_run(run_dir).recipe
    assert [each.engine for each in card.measurements] == [
        check.engine for check in card.verifications if check.passed
    ]
    for each in card.measurements:
        found = evaluate(path, engine=each.engine)
        assert (each.top1, each.examples) == (found["top1"], found["examples"])
        assert each.examples == 360
    assert (card.command, card.seed) == (command_of(recipe), recipe.seed)


def test_random_weights_have_no_accuracy(tmp_path, refused):
    path = tmp_path / "net.tflite"
    message = refused("convert", "igp_resnet_tiny", "-o", path, "--measure")
    assert "leave out --measure: the weights of igp_resnet_tiny are random" in message
    assert not path.exists()
