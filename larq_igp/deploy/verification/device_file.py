"""Verify the parts of a file for a device that ``device.plain`` removes.

These are pixels that the file normalises, and 8-bit weights: TensorFlow Lite multiplies them by
inputs that it rounds to 8 bits as well. Here the file is run as it is, and each of these parts is
compared with what it should compute.
"""

from collections.abc import Callable, Iterator

import numpy as np

from larq_igp.deploy.device.dense import HYBRID, LARGEST
from larq_igp.deploy.device.edit import Edit
from larq_igp.deploy.device.pixels import find_chain
from larq_igp.deploy.engines import load_engine
from larq_igp.deploy.flatbuffer import read_tflite
from larq_igp.deploy.verification.binary_operator import ACTIVATIONS
from larq_igp.deploy.verification.fault import Fault
from larq_igp.deploy.verification.file_tensors import FileTensors, read_tensors, with_outputs
from larq_igp.deploy.verification.rounding import UNITS, Terms

OF_PIXELS = 1e-4
"""Share of the largest result by which an engine may differ if it computes the first convolution on
bytes, in integers. larq-igp-runtime guarantees half of it.
"""


def check_device_file(
    content: bytes,
    images: np.ndarray,
    normalise: Callable[[np.ndarray], np.ndarray],
    *,
    engine: str,
    threads: int,
) -> list[str]:
    """Verify the parts of a file for a device, and return in words what is right.

    Args:
        content: content of the file.
        images: images as the file takes them, ``(N, H, W, C)``.
        normalise: turns them into inputs of the network.
        engine: name of the engine.
        threads: number of threads that the engine may use.

    Raises:
        Fault: naming the first part that is wrong.
    """
    edit = Edit(content)
    tensors = read_tensors(content, images, engine=engine, threads=threads)
    said = []
    chain = find_chain(edit)
    if chain is not None:
        _check_normalised(tensors, chain.normalised, chain.offset, chain.factor, normalise(images))
        _check_first(content, tensors, chain.normalised, images, engine=engine, threads=threads)
        said.append("normalises pixels as Keras does")
    count = sum(1 for _ in _checked_products(edit, tensors))
    if count:
        said.append(f"multiplies {count} times by 8-bit weights, within their rounding")
    return said


def _check_normalised(
    tensors: FileTensors, tensor: int, offset: np.ndarray, factor: np.ndarray, wanted: np.ndarray
) -> None:
    levels = tensors.values[tensors.file.inputs[0]].astype(np.float64)
    terms = Terms((np.abs(levels) + np.abs(offset)) * np.abs(factor))
    distance = float(np.max(terms.distance(tensors.values[tensor], wanted)))
    if distance > UNITS:
        raise Fault(
            f"the file does not normalise pixels as Keras does: {distance:.0f} units in the "
            f"last place apart, where rounding may take {UNITS:g}."
        )


def _check_first(
    content: bytes,
    tensors: FileTensors,
    tensor: int,
    images: np.ndarray,
    *,
    engine: str,
    threads: int,
) -> None:
    """Check the first readers of the normalised image, which an engine may compute on bytes."""
    readers = [each for each in tensors.file.operators if tensor in each.inputs]
    outputs = [each.outputs[0] for each in readers]
    exposed = with_outputs(content, [*outputs, *tensors.file.outputs])
    runner = load_engine(exposed, read_tflite(exposed), threads=threads, engine=engine)
    for number, image in enumerate(images):
        found_all = runner.run([image[np.newaxis]])[: len(outputs)]
        for output, found in zip(outputs, found_all, strict=True):
            wanted = tensors.values[output][number]
            if wanted.dtype != np.float32:
                continue
            apart = float(np.max(np.abs(found.reshape(wanted.shape) - wanted)))
            if not apart <= OF_PIXELS * float(np.max(np.abs(wanted))):
                raise Fault(
                    f"the engine computes other results from pixels than from floats in "
                    f"{tensors.file.tensors[output].name!r}: {apart:.3g} apart."
                )


def _checked_products(edit: Edit, tensors: FileTensors) -> Iterator[str]:
    """Compare each result of 8-bit weights, and yield its name."""
    for operator in edit.graph.operators:
        kind = edit.kind(operator)
        if kind not in HYBRID or edit.element_kind(operator.inputs[1]) != "INT8":
            continue
        source, filters = (int(each) for each in operator.inputs[:2])
        levels, x = edit.constant(filters), tensors.values[source].astype(np.float64)
        if levels is None or tensors.values[source].dtype != np.float32:
            continue
        scales = edit.graph.tensors[filters].quantization.scale.astype(np.float64)
        weights = levels.reshape(len(levels), -1) * scales.reshape(-1, 1)
        options = operator.builtinOptions
        if kind == "CONV_2D":
            x = x[:, :: options.strideH, :: options.strideW]
        bias = edit.constant(operator.inputs[2]) if len(operator.inputs) > 2 else None
        clip = ACTIVATIONS.get(options.fusedActivationFunction, ACTIVATIONS[0])
        result = int(operator.outputs[0])
        sums = x.reshape(-1, weights.shape[1]) @ weights.T
        wanted = np.clip(sums if bias is None else sums + bias, *clip)
        found = tensors.values[result].reshape(wanted.shape)
        step = np.abs(x).reshape(len(x), -1).max(axis=1) / LARGEST  # of 8 bits over an image
        step = np.repeat(step, len(wanted) // len(x))[:, np.newaxis]
        allowed = step * np.abs(weights).sum(axis=1) * (1 + 1e-3) + 1e-6
        if not np.all(np.abs(found - wanted) <= allowed):
            raise Fault(f"{edit.name(result)!r} is not the product with its 8-bit weights.")
        yield edit.name(result)
