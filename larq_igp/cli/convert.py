"""``convert``."""

from pathlib import Path

import click

from larq_igp.cli.options import classes_option, network_options, pop_parameters, seed_option
from larq_igp.cli.output import Refusal, emit, json_option, progress_on_stderr


@click.command(short_help="Convert a run or a named network to a verified .tflite.")
@click.argument("source", metavar="PATH-or-NAME")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(),
    help="The .tflite to write; its card gets .json.",
)
@click.option(
    "--float",
    "float_model",
    is_flag=True,
    help="A float file through TensorFlow Lite, whatever the bits are.",
)
@click.option(
    "--weights", type=click.Choice(["best", "last"]), help="Of a run directory.  [default: best]"
)
@click.option("--data-dir", type=click.Path(), help="Folder of the run's data set, if it moved.")
@click.option(
    "--images",
    type=click.IntRange(1),
    help="Test images to verify on.  [default: 256 up to 64 px, else 24]",
)
@click.option(
    "--threads", type=click.IntRange(1, 256), default=1, show_default=True, help="To verify with."
)
@network_options
@classes_option
@seed_option
@json_option
def convert(
    source: str,
    output: str,
    float_model: bool,
    images: int | None,
    threads: int,
    as_json: bool,
    **options,
) -> None:
    """Convert a run directory, or a named network with random weights, audit and verify it, and
    write it with its card.

    The options of a network (--bits, --filters, ...) are for a name; a run directory knows its own.
    """
    with progress_on_stderr(as_json):
        from larq_igp.deploy import export

        export.check_output(output)
        subject = _subject(source, **options)
        result = export.export(
            subject.model,
            output,
            about=subject.about,
            images=subject.images(images),
            images_of=subject.images_of.name,
            float_model=float_model,
            threads=threads,
        )
    if not result.verification.conclusive:
        sentence = (
            "warning: the outputs hardly depend on the images (random weights?): this "
            "verification says little"
        )
        click.echo(sentence, err=True)
    emit(as_json, result.to_dict(), _export_text(result))


def _subject(source: str, *, weights: str | None, data_dir: str | None, **options):
    from larq_igp.inference.conversion import subject_from_name, subject_from_run

    parameters = pop_parameters(options)
    if not source or not Path(source).exists():
        if "/" in source:
            raise Refusal(
                f"{source} does not exist: a run directory or the name of a network is needed."
            )
        if weights or data_dir:
            raise Refusal(f"--weights and --data-dir are for a run directory; {source} is not one.")
        return subject_from_name(source, parameters=parameters, **options)
    context = click.get_current_context()
    of_network = [*parameters, *(name for name in options if _is_given(context, name))]
    if of_network:
        option = "--" + of_network[0].replace("_", "-")
        raise Refusal(
            f"{option} is for a network by name; the run directory {source} knows its own."
        )
    return subject_from_run(source, weights=weights or "best", data_dir=data_dir)


def _is_given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE


def _port_text(port) -> str:
    return f"{'x'.join(map(str, port.shape))} {port.dtype}"


def _export_text(result) -> str:
    audit, check = result.audit, result.verification
    lines = [
        f"{result.path}: {audit.file_bytes:,} bytes, {audit.size_ratio:.2f} of what its weights "
        "need",
        f"  {audit.lce_bconv2d} LceBconv2d for {audit.binary_convolutions} binary convolutions",
        f"  {audit.lce_dequantize} LceDequantize; input {_port_text(audit.input)}, output "
        f"{_port_text(audit.output)}",
        *[f"  not fused: {number} x {reason}" for reason, number in audit.unfused_counts().items()],
        *[f"  warning: {warning}" for warning in audit.warnings],
        f"  verified on {check.examples} test images of {result.dataset}: same answer as Keras on "
        f"{check.top1_agreement:.2%}, largest difference {check.max_abs_diff:.1e}",
        f"  {check.reason}",
        f"  converted in {result.seconds:.1f} s; card: {result.card}",
    ]
    return "\n".join(lines)
