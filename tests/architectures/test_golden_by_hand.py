"""The golden counts from a second source: every layer of the paper's Figure 2 written out.

Nothing of the package counts here. The parameters are written once more, from the paper's tables,
and each network becomes a list of its kernels and BatchNorms, whose sizes are added up.
"""

import json
import re

import pytest

from tests.golden import GOLDEN

IMAGENET, FOUR_18, FOUR_34 = 1000, (2, 2, 2, 2), (3, 4, 6, 3)
RESNETS = {  # base width, blocks of each stage, columns
    "bireal_resnet18_64": (64, FOUR_18, 1),
    "igp_resnet21_53": (53, (1, 1, 1, 1), 3),
    "igp_resnet37_41": (41, (1, 1, 1, 1), 4),
    "igp_resnet69_31": (31, (1, 1, 1, 1), 5),
    "bireal_resnet34_64": (64, FOUR_34, 1),
    "igp_resnet41_48": (48, (2, 2, 3, 2), 3),
    "igp_resnet77_35": (35, (2, 2, 3, 2), 4),
    "resnet18_64": (64, FOUR_18, 1),
    "resnet34_64": (64, FOUR_34, 1),
    "ebireal_resnet18_64": (64, FOUR_18, 1),
    "resnet_tiny": (16, (1, 1, 1), 1),
    "bireal_resnet_tiny": (16, (1, 1, 1), 1),
    "ebireal_resnet_tiny": (16, (1, 1, 1), 1),
    "igp_resnet_tiny": (16, (1, 1, 1), 2),
}
DENSENETS = {  # stem, growth, blocks of each stage, channels after each transition
    "binary_densenet51_32": (64, 32, (12, 12, 12, 10), (172, 208, 266)),
    "igp_densenet51_53": (64, 53, (6, 6, 6, 5), (186, 211, 262)),
    "binary_densenet69_32": (64, 32, (12, 16, 24, 12), (143, 205, 238)),
    "igp_densenet69_48": (64, 48, (6, 8, 12, 6), (176, 238, 252)),
    "ebinary_densenet51_32": (64, 32, (12, 12, 12, 10), (172, 208, 266)),
    # 64 + 6*64 = 448 -> 160, 160 + 384 = 544 -> 192, 192 + 384 = 576 -> 256
    "binary_densenet28_64": (64, 64, (6, 6, 6, 5), (160, 192, 256)),
    "binary_densenet37_64": (64, 64, (6, 8, 12, 6), (128, 192, 256)),
    "binary_densenet45_64": (64, 64, (6, 12, 14, 8), (160, 288, 288)),
    "binary_densenet_tiny": (16, 8, (2, 2, 2), (16, 16)),
    "ebinary_densenet_tiny": (16, 8, (2, 2, 2), (16, 16)),
    "igp_densenet_tiny": (16, 8, (1, 1, 1), (16, 16)),
}
DEPTHS = {  # where the name does not say it: stem, layers on the longest path, dense
    "ebinary_densenet51_32": 1 + 2 * (12 + 12 + 12 + 10) + 3 + 1,  # named after what it doubles
    "resnet_tiny": 1 + 2 + 2 + 2 + 1,
    "bireal_resnet_tiny": 1 + 2 + 2 + 2 + 1,
    "ebireal_resnet_tiny": 1 + 2 + 2 + 2 + 1,
    "igp_resnet_tiny": 1 + 2 + 1 + 2 + 1 + 2 + 1,  # with a transition before each later stage
    "binary_densenet_tiny": 1 + 2 + 1 + 2 + 1 + 2 + 1,
    "ebinary_densenet_tiny": 1 + 4 + 1 + 4 + 1 + 4 + 1,
    "igp_densenet_tiny": 1 + 2 + 1 + 2 + 1 + 2 + 1,
}
Kernel = tuple[int, int, int, int, int]  # side of the kernel, channels in and out, side of the map


def fractal(columns: int) -> int:
    """``f_1 = u; f_{c+1}(x) = join(f_c(f_c(x)), u(x))``: how often ``u`` is written."""
    return 1 if columns == 1 else fractal(columns - 1) + fractal(columns - 1) + 1


def resnet(family: str, width: int, blocks: tuple, columns: int):
    kernels, norms = [(7, 3, width, 112, 32)], [width]
    channels, side = width, 56
    for stage, number in enumerate(blocks):
        entering = channels
        if stage:
            channels, side = 2 * channels, side // 2
            kernels.append((1, entering, channels, side, 32))  # the transition
            norms.append(channels)
        reads = channels if family == "igp_resnet" else entering
        for _ in range(number):
            for _ in range(fractal(columns) if family == "igp_resnet" else 2):
                kernels.append((3, reads, channels, side, 1))
                norms.append(channels)
                reads = channels
    maps = {"resnet": 3, "bireal_resnet": 3, "ebireal_resnet": 4, "igp_resnet": columns + 1}
    return kernels, norms, channels, maps[family] * width


def densenet(family: str, stem: int, growth: int, blocks: tuple, after: tuple):
    kernels, norms = [(7, 3, stem, 112, 32)], [stem]
    channels, side, widest = stem, 56, 0
    for stage, number in enumerate(blocks):
        if stage:
            side //= 2
            kernels.append((1, channels, after[stage - 1], side, 32))
            norms.append(channels)
            channels = after[stage - 1]
        for _ in range(number):
            if family == "igp_densenet":  # a = F1(x); a + F2(a) + F3(x)
                layers = [(channels, growth), (growth, growth), (channels, growth)]
            elif family == "ebinary_densenet":
                layers = [(channels, growth // 2), (channels + growth // 2, growth // 2)]
            else:
                layers = [(channels, growth)]
            for reads, makes in layers:
                norms.append(reads)
                kernels.append((3, reads, makes, side, 1))
            channels += growth
        widest = widest or channels
    return kernels, [*norms, channels], channels, widest


@pytest.mark.parametrize("name", [*RESNETS, *DENSENETS])
def test_golden_counts_are_the_sum_of_the_layers(name):
    family = re.sub(r"\d+_\d+$|_tiny$", "", name)
    if name in RESNETS:
        kernels, norms, features, maps = resnet(family, *RESNETS[name])
    else:
        kernels, norms, features, maps = densenet(family, *DENSENETS[name])
    kernels.append((1, features, IMAGENET, 1, 32))
    depth = DEPTHS.get(name) or int(re.search(r"(\d+)_\d+$", name)[1])

    def weights(width):
        return sum(side**2 * cin * cout for side, cin, cout, _, bits in kernels if bits == width)

    def macs(width):
        return sum(
            side**2 * cin * cout * pixels**2
            for side, cin, cout, pixels, bits in kernels
            if bits == width
        )

    assert json.loads(GOLDEN.read_text())[name] == {
        "depth": depth,
        "parameters": weights(1) + weights(32) + 4 * sum(norms) + IMAGENET,
        "binary_weights": weights(1),
        "float_weights": weights(32),
        "binary_macs": macs(1),
        "float_macs": macs(32),
        "runtime_memory_bytes": maps * 56 * 56 * 4 * 64,
    }


def test_no_network_is_left_out():
    assert {*RESNETS, *DENSENETS} == json.loads(GOLDEN.read_text()).keys()
