"""Writes the software bill of materials of wheels: CycloneDX 1.6, one JSON file beside each.

    python tools/sbom.py dist/*.whl

It names the wheel with its SHA-256, what it requires, and what is linked into its library.
"""

import argparse
import hashlib
import re
import zipfile
from email.parser import Parser
from importlib import metadata
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement

LICENSE_OF_RUNTIME = "Apache-2.0 WITH LLVM-exception"
LIBRARY = re.compile(r"\.so(\.\d+)*$")


def bill(wheel: Path) -> Bom:
    """The bill of materials of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (place,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        said = Parser().parsestr(archive.read(place).decode())
    name, version = said["Name"], said["Version"]
    bom = Bom()
    bom.metadata.component = root = Component(
        type=ComponentType.LIBRARY,
        name=name,
        version=version,
        purl=PackageURL("pypi", name=name.lower(), version=version),
        hashes=[
            HashType(
                alg=HashAlgorithm.SHA_256, content=hashlib.sha256(wheel.read_bytes()).hexdigest()
            )
        ],
    )
    parts = [
        required(Requirement(text))
        for text in said.get_all("Requires-Dist", [])
        if "extra ==" not in text
    ]
    if any(LIBRARY.search(each) for each in names) and "manylinux" in wheel.name:
        zig = metadata.version("ziglang")
        parts.append(
            Component(
                type=ComponentType.LIBRARY,
                name="libc++",
                version=f"as in zig {zig}",
                purl=PackageURL("pypi", name="ziglang", version=zig),
                description=f"LLVM's C++ library, linked into the engine ({LICENSE_OF_RUNTIME})",
            )
        )
    for part in parts:
        bom.components.add(part)
    bom.register_dependency(root, parts)
    return bom


def required(requirement: Requirement) -> Component:
    """A package that the wheel needs where it is installed; any version in its range."""
    return Component(
        type=ComponentType.LIBRARY,
        name=requirement.name,
        purl=PackageURL("pypi", name=requirement.name.lower()),
        description=f"required: {requirement}",
    )


def main() -> None:
    """Writes a bill for each wheel that is named."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("wheels", nargs="+", type=Path)
    for wheel in parser.parse_args().wheels:
        path = wheel.with_name(f"{wheel.name}.cdx.json")
        path.write_text(JsonV1Dot6(bill(wheel)).output_as_string(indent=2) + "\n")
        print(path)


if __name__ == "__main__":
    main()
