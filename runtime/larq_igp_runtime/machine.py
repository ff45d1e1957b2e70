"""What the machine is, and how fast and how hot its processor is now, as far as Linux says."""

import os
import platform
import struct
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")
CLOCKS = Path("/sys/devices/system/cpu")
ZONES = Path("/sys/class/thermal")
STATUS = Path("/proc/self/status")


def describe() -> dict:
    """Processor, cores that the process may use, instruction set, system, width of a pointer."""
    allowed = getattr(os, "sched_getaffinity", None)  # Linux has it
    return {
        "cpu": _cpu(),
        "cores": len(allowed(0)) if allowed else os.cpu_count() or 1,
        "machine": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "bits": 8 * struct.calcsize("P"),
    }


def state() -> dict:
    """Clock in MHz of the fastest core, degrees Celsius of the hottest zone; None if unknown."""
    clocks = _numbers(CLOCKS.glob("cpu[0-9]*/cpufreq/scaling_cur_freq"))  # kHz
    zones = _numbers(ZONES.glob("thermal_zone*/temp"))  # thousandths
    return {
        "clock_mhz": max(clocks) / 1e3 if clocks else None,
        "temperature_c": max(zones) / 1e3 if zones else None,
    }


def peak_memory_bytes() -> int | None:
    """The most memory that this process has held; None if the system does not say."""
    values = _values(STATUS)
    text = values.get("VmHWM", "").removesuffix("kB").strip()
    return 1024 * int(text) if text.isdecimal() else None


def _cpu() -> str:
    values = _values(CPU_INFO)
    names = [values.get(key) for key in ("model name", "Model", "Hardware")]
    if "CPU part" in values:  # ARM numbers its processors: 0x41 is ARM itself, 0xd08 the Cortex-A72
        names.append(f"implementer {values.get('CPU implementer', '?')}, part {values['CPU part']}")
    return next((name for name in names if name), platform.processor() or "unknown")


def _values(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.partition(":") for line in lines)
    return {key.strip(): value.strip() for key, _, value in pairs}


def _numbers(paths) -> list[int]:
    found = []
    for path in paths:
        try:
            found.append(int(path.read_text()))
        except (OSError, ValueError):
            continue
    return found
