"""The command line ``larq-igp``: thin commands that parse, call one function of the library, and
print.

TensorFlow is imported inside the commands that need it, so ``--help`` and ``list`` answer at once.
"""

import os

import click

import larq_igp
from larq_igp.cli.benchmark import benchmark
from larq_igp.cli.capability import capability
from larq_igp.cli.convert import convert
from larq_igp.cli.data import data
from larq_igp.cli.design import design
from larq_igp.cli.doctor import doctor
from larq_igp.cli.evaluate import evaluate
from larq_igp.cli.gradients import gradients
from larq_igp.cli.launch import launch
from larq_igp.cli.list import list_networks
from larq_igp.cli.modules import MODULES, import_modules
from larq_igp.cli.output import Group, verbose_option
from larq_igp.cli.paths import paths
from larq_igp.cli.predict import predict
from larq_igp.cli.report import report
from larq_igp.cli.reproduce import reproduce
from larq_igp.cli.runs import runs
from larq_igp.cli.summary import summary
from larq_igp.cli.table import table
from larq_igp.cli.train import train
from larq_igp.terminal import quiet_libraries

os.environ.setdefault(
    "TF_CPP_MIN_LOG_LEVEL", "3"
)  # of TensorFlow's C++; what matters to a user is said by the commands


@click.group(
    cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(larq_igp.__version__, prog_name="larq-igp")
@click.option(
    "--import",
    "modules",
    metavar="MODULE",
    type=click.Path(),
    multiple=True,
    envvar=MODULES,
    help="Import a Python file or an installed module first: it registers networks of your own.",
)
def main(modules: tuple[str, ...]) -> None:
    """Binary neural networks with short gradient paths: from a name to a verified file on a device.

    \b
    larq-igp list                                    networks by name
    larq-igp train igp_resnet_tiny                   train on the bundled digits
    larq-igp convert runs/igp_resnet_tiny-digits -o net.tflite
    larq-igp benchmark net.tflite                    time it on this host

    Every command takes --json: one JSON document on standard output, everything else on standard
    error.
    """  # noqa: D301  click takes the escape as "do not wrap"
    quiet_libraries()
    import_modules(modules)


for command in (
    list_networks,
    summary,
    paths,
    capability,
    gradients,
    design,
    reproduce,
    data,
    train,
    launch,
    runs,
    evaluate,
    predict,
    convert,
    benchmark,
    table,
    report,
    doctor,
):
    main.add_command(command)
    for each in command.commands.values() if isinstance(command, click.Group) else (command,):
        verbose_option(each)
