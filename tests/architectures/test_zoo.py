import pytest

from larq_igp.architectures import ZOO, UnknownNetworkError, get_spec
from larq_igp.architectures.checks import SpecError
from larq_igp.architectures.spec import FAMILIES
from larq_igp.paper.table3 import TABLE3


def test_names_say_family_depth_and_width():
    for name, spec in ZOO.items():
        assert name.startswith(spec.family)
        if not name.endswith("_tiny"):
            width = spec.filters if hasattr(spec, "filters") else spec.growth_rate
            assert name == f"{spec.family}{spec.depth}_{width}".replace(
                "ebinary_densenet97", "ebinary_densenet51"
            )


def test_every_family_has_a_tiny_row():
    assert [name.removesuffix("_tiny") for name in ZOO if name.endswith("_tiny")] == list(FAMILIES)


def test_table3_is_in_the_registry():
    assert set(TABLE3) <= set(ZOO)


def test_unknown_name_offers_the_nearest():
    with pytest.raises(UnknownNetworkError) as caught:
        get_spec("igp_resnet41_84")
    assert str(caught.value).startswith(
        "no network is named 'igp_resnet41_84'. Did you mean igp_resnet41_48"
    )
    assert isinstance(caught.value, KeyError)


def test_parameters_replace_fields():
    assert get_spec("igp_resnet41_48", filters=16, blocks=(1, 1)).depth == 2 + 1 + 2 * 4
    assert get_spec("binary_densenet51_32", reduction=(2.0, 2.0, 2.0)).transition_filters == (
        224,
        320,
        352,
    )


def test_unknown_parameter_is_refused():
    with pytest.raises(
        SpecError,
        match="growth_rate is not a parameter of igp_resnet; it has filters, blocks, columns",
    ):
        get_spec("igp_resnet41_48", growth_rate=3)
