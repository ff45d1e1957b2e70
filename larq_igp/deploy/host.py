"""Describe this machine. Its timings do not predict those of a device."""

import os
import platform
import struct
from dataclasses import dataclass
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Host:
    """The machine that a measurement was made on.

    Attributes:
        kind: always ``host``: its timings do not estimate a device.
        cpu: model of the processor.
        cores: number of cores that the process may use.
        machine: instruction set.
        system: operating system and its release.
        bits: width of a pointer: 32-bit systems lack the fast 1-bit kernels.
    """

    kind: str
    cpu: str
    cores: int
    machine: str
    system: str
    bits: int


def describe_host() -> Host:
    """Describe the machine that this process runs on."""
    allowed = getattr(os, "sched_getaffinity", None)  # Linux has it
    return Host(
        kind="host",
        cpu=_cpu_model(),
        cores=len(allowed(0)) if allowed else os.cpu_count() or 1,
        machine=platform.machine(),
        system=f"{platform.system()} {platform.release()}",
        bits=8 * struct.calcsize("P"),
    )


def _cpu_model() -> str:
    """Return the processor's name; ARM boards and x86 have different fields for it."""
    lines = CPU_INFO.read_text().splitlines() if CPU_INFO.exists() else []
    values = {
        key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)
    }
    names = [values.get(key) for key in ("model name", "Model", "Hardware")]
    if "CPU part" in values:  # ARM numbers its processors: 0x41 is ARM itself, 0xd08 the Cortex-A72
        names.append(f"implementer {values.get('CPU implementer', '?')}, part {values['CPU part']}")
    return next((name for name in names if name), platform.processor() or "unknown")
