"""Sizes of the files of Table 3's networks, with float weights and with 8-bit dense weights.

    python benchmarks/file_sizes.py

Weights are random: sizes do not depend on them. It prints the table of docs/convert.md.
"""

from tabulate import tabulate

import larq_igp
from larq_igp.data import Preprocessing
from larq_igp.deploy.about import About
from larq_igp.deploy.audit import audit
from larq_igp.deploy.device.make import Device, made
from larq_igp.paper.table3 import TABLE3

SHAPE, CLASSES = (224, 224, 3), 1000
PREPROCESSING = Preprocessing(SHAPE, (123.675, 116.28, 103.53), (58.395, 57.12, 57.375))


def row(name: str) -> list[str]:
    """Return a row of the table."""
    model = larq_igp.build(name, input_shape=SHAPE, num_classes=CLASSES)
    about = About(network=name, bits=1, preprocessing=PREPROCESSING)
    sizes = []
    for bits in (32, 8):
        device = Device(takes_pixels=True, dense_bits=bits)
        with made(model, device, about, float_model=False, converter="own") as file:
            sizes.append(len(file.content))
            findings = audit(model, file.content)
    return [
        f"`{name}`",
        f"{findings.storage_bits / 1e6:.2f}",
        *(f"{size / 1e6:.2f}" for size in sizes),
        f"{100 * (1 - sizes[1] / sizes[0]):.0f}%",
    ]


if __name__ == "__main__":
    header = ("network", "kernels, Mbit", "float, MB", "int8, MB", "saved")
    rows = [row(name) for name in TABLE3]
    print(tabulate(rows, header, tablefmt="pipe", disable_numparse=True))
