"""``doctor``: what is installed, what is missing, how to fix it."""

import platform
import sys
from dataclasses import asdict, dataclass

import click

from larq_igp.cli.output import emit, json_option, progress_on_stderr
from larq_igp.versions import installed_version

FIX = {
    "tensorflow": "pip install 'tensorflow>=2.15,<2.20'",
    "tf-keras": "pip install 'tf-keras~={release}.0', the release of TensorFlow",
    "larq": "pip install 'larq>=0.14,<0.15'",
    "larq-zoo": "pip install 'larq-zoo>=2.4,<3'; needed to compare with its networks only",
    "larq-compute-engine": "pip install 'larq-compute-engine>=0.16,<0.17'; needed to convert "
    "1-bit networks, wheels for x86-64 and macOS",
    "larq-igp-runtime": "pip install ./runtime; runs converted files without Larq Compute Engine",
    "tensorflow-datasets": "pip install 'tensorflow-datasets>=4.8.3,<4.9'",
    "scikit-learn": "pip install scikit-learn; holds the digits",
    "numpy": "pip install 'numpy<2'",
    "click": "pip install click",
}
OPTIONAL = {"larq-zoo", "larq-compute-engine", "larq-igp-runtime", "tensorflow-datasets"}


@dataclass(frozen=True)
class Finding:
    """One thing looked at:

    its state is ``ok``, ``optional`` (missing, and only something is lost) or ``missing``.
    """

    name: str
    state: str
    found: str
    fix: str = ""


def _distribution(name: str) -> Finding:
    version = installed_version(name)
    if version:
        return Finding(name, "ok", version)
    release = ".".join((installed_version("tensorflow") or "2.19").split(".")[:2])
    return Finding(
        name,
        "optional" if name in OPTIONAL else "missing",
        "not installed",
        FIX[name].format(release=release),
    )


def _python() -> Finding:
    is_supported = (3, 10) <= sys.version_info < (3, 13)
    return Finding(
        "python",
        "ok" if is_supported else "missing",
        platform.python_version(),
        "" if is_supported else "use Python 3.10, 3.11 or 3.12",
    )


def _keras() -> Finding:
    try:
        from larq_igp.keras2 import tf

        devices = ", ".join(
            device.name.replace("/physical_device:", "")
            for device in tf.config.list_physical_devices()
        )
        return Finding("keras", "ok", f"Keras 2 on {devices}")
    except ImportError as error:
        return Finding("keras", "missing", "not usable", str(error))


def _fashion_mnist() -> Finding:
    from larq_igp.data.datasets import FASHION_DEBIAN
    from larq_igp.data.idx import find_idx_folder

    if find_idx_folder(FASHION_DEBIAN):
        return Finding("fashion_mnist", "ok", str(FASHION_DEBIAN))
    fix = "apt install dataset-fashion-mnist, or --data-dir with the official files, or --download"
    return Finding("fashion_mnist", "optional", "not found", fix)


@click.command(short_help="Show what is installed, what is missing, how to fix it.")
@json_option
def doctor(as_json: bool) -> None:
    """Show what is installed, what is missing and how to fix it; exit code 1 if something needed is
    missing.
    """
    with progress_on_stderr(as_json):
        findings = [_python(), *[_distribution(name) for name in FIX]]
        keras = _keras()
        findings += [keras] + ([_fashion_mnist()] if keras.state == "ok" else [])
    lines = []
    for finding in findings:
        lines.append(f"{finding.state:9} {finding.name:20} {finding.found}")
        if finding.fix:
            lines.append(f"{'':9} {'':20} -> {finding.fix}")
    emit(as_json, [asdict(finding) for finding in findings], "\n".join(lines))
    if any(finding.state == "missing" for finding in findings):
        sys.exit(1)
