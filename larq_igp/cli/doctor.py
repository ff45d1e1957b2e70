"""``doctor``: what is installed, what is missing, how to fix it."""

import platform
import sys
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass

import click

from larq_igp.cli.output import emit, json_option
from larq_igp.packages import PACKAGES, Package, why_lce_cannot_run
from larq_igp.versions import installed_version


@dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Attributes:
        name: of it.
        state: ``ok``, ``missing`` or ``optional``: missing or unfit; the rest works without it.
        found: its version, or what else was found.
        fix: what to do, and what it is needed for.
    """

    name: str
    state: str
    found: str
    fix: str = ""


def _package(package: Package) -> Finding:
    if package.is_installed:
        version = installed_version(package.name) or "of unknown version"
        return _clash(package, version) or Finding(package.name, "ok", version)
    return Finding(
        package.name,
        "optional" if package.is_optional else "missing",
        "not installed",
        f"{package.how_to_get}; it is needed to {package.use}",
    )


def _clash(package: Package, version: str) -> Finding | None:
    """Return what pip does not see where packages are installed without their dependencies."""
    tensorflow = installed_version("tensorflow")
    match package.module:
        case "tf_keras" if tensorflow and _minor(version) != _minor(tensorflow):
            fix = f"{package.how_to_get}, as TensorFlow is {tensorflow}"
            return Finding(package.name, "missing", version, fix)
        case "larq_compute_engine" if why := why_lce_cannot_run():
            return Finding(package.name, "optional", version, f"it converts, but {why}")
    return None


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]


def _python() -> Finding:
    is_supported = (3, 10) <= sys.version_info < (3, 14)
    return Finding(
        "python",
        "ok" if is_supported else "missing",
        platform.python_version(),
        "" if is_supported else "use Python 3.10, 3.11, 3.12 or 3.13",
    )


def _keras() -> Finding:
    try:
        with redirect_stdout(sys.stderr):
            from larq_igp.keras2 import tf

            devices = tf.config.list_physical_devices()
    except ImportError as error:
        return Finding("keras", "missing", "not usable", str(error).strip().splitlines()[-1])
    names = ", ".join(device.name.replace("/physical_device:", "") for device in devices)
    return Finding("keras", "ok", f"Keras 2 on {names}")


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
    needed = [package for package in PACKAGES if package.is_needed_here]
    findings = [_python(), *[_package(package) for package in needed]]
    if not _is_missing(findings):
        findings.append(_keras())
    if not _is_missing(findings):
        findings.append(_fashion_mnist())
    lines = []
    for finding in findings:
        lines.append(f"{finding.state:9} {finding.name:20} {finding.found}")
        if finding.fix:
            lines.append(f"{'':9} {'':20} -> {finding.fix}")
    then = [] if _is_missing(findings) else [("train", "igp_resnet_tiny")]
    emit(as_json, [asdict(finding) for finding in findings], "\n".join(lines), then=then)
    if _is_missing(findings):
        sys.exit(1)


def _is_missing(findings: list[Finding]) -> bool:
    return any(finding.state == "missing" for finding in findings)
