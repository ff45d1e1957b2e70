"""``convert``."""

from pathlib import Path
from typing import Any

import click

from larq_igp.cli.options import (
    SOURCE,
    classes_option,
    network_options,
    open_typed,
    seed_option,
    source_argument,
    weights_option,
)
from larq_igp.cli.output import emit, json_option, progress_on_stderr
from larq_igp.errors import UserError
from larq_igp.inference.kinds import WRITTEN_FOR_KERAS

FEWEST_SAME = 0.99
"""Share of the answers that weights of 8 bits should leave as they are."""
CONVERTERS = {
    "own": "larq-igp's writer",
    "lce": "Larq Compute Engine",
    "tensorflow_lite": "TensorFlow Lite",
}


@click.command(short_help="Convert a run or a network to a verified .tflite.", epilog=SOURCE)
@source_argument
@click.option(
    "-o",
    "--output",
    type=click.Path(),
    help="The .tflite to write; its card gets .json. Or an .h5 or .keras for Keras and Larq.  "
    "[default: the name of SOURCE, .tflite]",
)
@click.option(
    "--float",
    "float_model",
    is_flag=True,
    help="Write a float file with TensorFlow Lite's converter, at any number of bits.",
)
@click.option(
    "--converter",
    type=click.Choice(["auto", "own", "lce"]),
    default="auto",
    show_default=True,
    help="Own: larq-igp's writer. lce: Larq Compute Engine's. auto: own if it can, else lce.",
)
@click.option(
    "--input",
    type=click.Choice(["uint8", "float"]),
    help="uint8: pixels, normalised in the file. float: normalised.  [default: uint8 for runs]",
)
@click.option(
    "--dense",
    type=click.Choice(["int8", "float"]),
    help="Weights of the classifier and 1x1 convolutions.  [default: int8 for runs that lose less "
    "than 0.1 points of top-1 on 1,000 or more validation images, else float]",
)
@click.option(
    "--scores",
    type=click.Choice(["probabilities", "logits"]),
    help="What the file gives.  [default: as the network]",
)
@weights_option
@click.option("--data-dir", type=click.Path(), help="Folder of the run's data set, if it moved.")
@click.option(
    "--images",
    type=click.IntRange(1),
    help="Test images to verify on.  [default: 256 up to 64 px, else 24]",
)
@click.option(
    "--threads", type=click.IntRange(1, 256), default=1, show_default=True, help="To verify with."
)
@click.option(
    "--measure",
    is_flag=True,
    help="Run the file on all test images too, and write the accuracy on its card.",
)
@network_options
@classes_option
@seed_option
@json_option
def convert(
    source: str,
    output: str | None,
    float_model: bool,
    converter: str,
    input: str | None,
    dense: str | None,
    scores: str | None,
    data_dir: str | None,
    images: int | None,
    threads: int,
    measure: bool,
    as_json: bool,
    **options,
) -> None:
    """Convert SOURCE, with the weights of a run or a file or with random ones, audit and verify the
    result, and write it with its card.
    """
    output = default_output(source) if output is None else output
    if Path(output).suffix in WRITTEN_FOR_KERAS:
        given: dict[str, Any] = {
            "--float": float_model,
            "--input": input,
            "--dense": dense,
            "--scores": scores,
        }
        given |= {"--images": images, "--measure": measure}
        _save_for_keras(source, output, given, options | {"data_dir": data_dir}, as_json)
        return
    with progress_on_stderr(as_json, "converting"):
        from larq_igp.deploy.export import check_output
        from larq_igp.inference.conversion import export

        check_output(output)
        result = export(
            open_typed(source, options | {"data_dir": data_dir}),
            output,
            data_dir=data_dir,
            float_model=float_model,
            converter=converter,
            input=input,
            dense=dense,
            scores=scores,
            images=images,
            threads=threads,
            measure=measure,
        )
    file = str(result.path)
    then = [("predict", file, "PHOTO"), ("benchmark", file)]
    emit(as_json, result.to_dict(), _export_text(result), then=then)


def default_output(source: str) -> str:
    """Return ``NAME.tflite`` for a run's folder, a file or a network: a file in this folder."""
    path = Path(source.rpartition(":")[2])
    name = path.resolve().name if path.is_dir() else path.stem
    return f"{name or 'net'}.tflite"


def _save_for_keras(source: str, output: str, given: dict, options: dict, as_json: bool) -> None:
    typed = [name for name, value in given.items() if value]
    if typed:
        raise UserError(f"leave out {', '.join(typed)}: {output} is not a .tflite.")
    if Path(output).resolve() == Path(source).resolve():
        raise UserError(f"{source} would be overwritten by itself: name another output.")
    with progress_on_stderr(as_json, "converting"):
        from larq_igp.inference.keras_file import save_keras_model

        model = open_typed(source, options).model()
        path = save_keras_model(model, output)
    document = {"file": str(path), "bytes": path.stat().st_size, "parameters": model.count_params()}
    text = (
        f"{path}: {document['bytes']:,} bytes, {document['parameters']:,} parameters; open it with "
    )
    text += "`import larq` and tf.keras.models.load_model, or load_weights of the same network"
    emit(as_json, document, text)


def _port_text(port) -> str:
    return f"{'x'.join(map(str, port.shape))} {port.dtype}"


def _export_text(result) -> str:
    audit = result.audit
    lines = [
        f"{result.path}: {audit.file_bytes:,} bytes, {audit.size_ratio:.2f} times its weights",
        f"  {audit.lce_bconv2d} LceBconv2d for {audit.binary_convolutions} binary convolutions",
        f"  {audit.lce_dequantize} LceDequantize; input {_port_text(audit.input)}, output "
        f"{_port_text(audit.output)} ({result.scores})",
        f"  kernels: {audit.storage_bits:,} bits as the paper counts, "
        f"{audit.file_storage_bits:,} in the file",
        *([f"  dense weights: {_dense_text(result.choice)}"] if result.choice else []),
        *[f"  not fused: {number} x {reason}" for reason, number in audit.unfused_counts().items()],
        *[f"  warning: {warning}" for warning in audit.warnings],
        *_dense_warnings(result),
        *[_verification_text(check, result.dataset) for check in result.verifications],
        f"  converted in {result.seconds:.1f} s ({CONVERTERS[result.converter]}); card: "
        f"{result.card}",
    ]
    return "\n".join(lines)


def _dense_text(choice) -> str:
    of = "" if choice.examples is None else f" ({choice.examples} of them)"
    return f"{choice.bits} bits, {choice.reason}{of}"


def _dense_warnings(result) -> list[str]:
    same = min((each.top1_agreement for each in result.verifications if each.passed), default=1.0)
    if result.choice is None or result.choice.bits == 32 or same >= FEWEST_SAME:
        return []
    return [
        f"  warning: weights of 8 bits change the answers to {1 - same:.2%} of these images; "
        "--dense float keeps them"
    ]


def _verification_text(check, dataset: str) -> str:
    if not check.passed:
        return f"  not verified by {check.engine}: {check.reason}"
    return (
        f"  verified by {check.engine} {check.version}: {check.reason}\n"
        f"    on {check.examples} test images of {dataset}: same answer as Keras on "
        f"{check.top1_agreement:.2%}, largest difference {check.max_abs_diff:.1e}; signs within "
        "rounding of 0 may flip on the way"
    )
