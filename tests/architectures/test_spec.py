import pytest

from larq_igp.architectures import DenseNetSpec, ResNetSpec
from larq_igp.architectures.checks import SpecError
from larq_igp.architectures.options import check_input_shape, choose_stem
from larq_igp.architectures.spec import fractal_convolutions, fractal_depth


@pytest.mark.parametrize(
    "columns, depth, convolutions", [(1, 1, 1), (2, 2, 3), (3, 4, 7), (4, 8, 15), (5, 16, 31)]
)
def test_fractal_sizes(columns, depth, convolutions):
    assert fractal_depth(columns) == depth
    assert fractal_convolutions(columns) == convolutions


@pytest.mark.parametrize(
    "stem, side, expected",
    [
        ("auto", 28, "small"),
        ("auto", 64, "small"),
        ("auto", 65, "imagenet"),
        ("small", 224, "small"),
        ("imagenet", 32, "imagenet"),
    ],
)
def test_choose_stem(stem, side, expected):
    assert choose_stem(stem, side, 28) == expected


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"filters": 0}, "filters must be a positive integer; got 0"),
        ({"filters": 16.0}, "filters must be a positive integer; got 16.0"),
        ({"blocks": ()}, "blocks must be one positive integer for each stage"),
        ({"blocks": [1, 1]}, "blocks must be one positive integer for each stage"),
        ({"blocks": (1, 0)}, "blocks must be one positive integer for each stage"),
        ({"columns": 9}, "columns must be an integer from 1 to 8; got 9"),
        ({"join": "max"}, "join must be mean or sum; got 'max'"),
        ({"family": "vgg"}, "family must be one of resnet"),
    ],
)
def test_resnet_spec_refuses(fields, message):
    valid = {"family": "igp_resnet", "filters": 16, "blocks": (1, 1), "columns": 2}
    ResNetSpec(**valid)
    with pytest.raises(SpecError, match=message):
        ResNetSpec(**{**valid, **fields})


def test_columns_belong_to_fractals():
    with pytest.raises(
        SpecError, match="columns is a parameter of igp_resnet; bireal_resnet has none"
    ):
        ResNetSpec(family="bireal_resnet", filters=16, blocks=(1,), columns=3)


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"growth_rate": -1}, "growth_rate must be a positive integer"),
        ({"stem_filters": 0}, "stem_filters must be a positive integer"),
        ({"transition_filters": (16,)}, "transition_filters must be 2 numbers from 1 for 3 stages"),
        ({"transition_filters": None}, "either transition_filters or reduction.*; got none"),
        ({"reduction": (2.0, 2.0)}, "either transition_filters or reduction.*; got both"),
        ({"growth_rate": 7, "family": "ebinary_densenet", "columns": 1}, "it must be even; got 7"),
    ],
)
def test_densenet_spec_refuses(fields, message):
    valid = {
        "family": "igp_densenet",
        "growth_rate": 8,
        "blocks": (1, 1, 1),
        "columns": 2,
        "transition_filters": (16, 16),
    }
    DenseNetSpec(**valid)
    with pytest.raises(SpecError, match=message):
        DenseNetSpec(**{**valid, **fields})


@pytest.mark.parametrize("shape", [(32, 32), (32, 32, 0), (None, None, 3), "32", (32.0, 32, 3)])
def test_input_shape_must_be_three_integers(shape):
    with pytest.raises(SpecError, match="input_shape must be"):
        check_input_shape(shape)


def test_input_shape_has_a_smallest_side():
    assert check_input_shape([28, 30, 1]) == (28, 30, 1)
    with pytest.raises(SpecError, match="at least 28 px on each side; got 27x32"):
        check_input_shape((27, 32, 3))
