"""Register families and networks of users, to use them like those of this package.

``docs/own-blocks.md`` has an example. The command line imports the module with ``larq-igp --import
my_blocks.py``.
"""

import dataclasses
import re
from typing import Any

from larq_igp.architectures.accounting import COUNTS, Count
from larq_igp.architectures.checks import SpecError, check_blocks, require
from larq_igp.architectures.spec import FAMILIES, Spec
from larq_igp.architectures.zoo import ZOO
from larq_igp.models.build import BODIES, Body

BUILT_IN = frozenset(ZOO)
NAME = re.compile(r"[a-z][a-z0-9_]*")
ASKED = ("family", "blocks", "stem_filters", "depth", "stage_filters")
"""What a specification must have: see ``larq_igp.architectures.Spec``."""


def register_family(name: str, *, body: Body, count: Count) -> None:
    """Register a family; ``register_network`` then gives networks of it their names.

    Registering a name again replaces it, so that a notebook's cell can be run twice.

    Args:
        name: of the family, as in the field ``family`` of its specifications.
        body: builds what stands between stem and head, ``body(x, *, spec, quantization) -> y``. Its
            layers are named ``stage1_block1_...``, so that blocks and stages are found.
        count: adds the same layers to a ledger in closed form, ``count(ledger, spec, pixels)``, and
            returns the channels that reach the head; ``pixels`` are those of each stage's maps.
            ``summary`` compares the two.

    Raises:
        SpecError: if the name is one of this package's, or cannot be a family's.
    """
    _check_name(name, "family", FAMILIES)
    require(callable(body), f"body of {name} must be a function; got {body!r}.")
    require(callable(count), f"count of {name} must be a function; got {count!r}.")
    BODIES[name], COUNTS[name] = body, count


def register_network(name: str, spec: Spec) -> None:
    """Register a network by name: for ``build``, ``train`` and every command.

    Args:
        name: of the network.
        spec: a frozen dataclass with the attributes of ``larq_igp.architectures.Spec``; its other
            fields are parameters that a recipe can replace.

    Raises:
        SpecError: if the name is one of this package's, or cannot be a network's; if the
            specification lacks something, or its family is not registered.
    """
    _check_name(name, "network", BUILT_IN)
    is_dataclass = dataclasses.is_dataclass(spec) and not isinstance(spec, type)
    require(is_dataclass, f"the specification of {name} must be a dataclass; got {spec!r}.")
    missing = [attribute for attribute in ASKED if not hasattr(spec, attribute)]
    require(not missing, f"the specification of {name} has no {', '.join(missing)}.")
    check_blocks(spec.blocks)
    if spec.family not in COUNTS:
        raise SpecError(
            f"no family is named {spec.family!r}: call register_family before register_network."
        )
    ZOO[name] = spec


def _check_name(name: Any, what: str, taken: Any) -> None:
    is_name = isinstance(name, str) and NAME.fullmatch(name) is not None
    require(is_name, f"a {what}'s name is of a-z, 0-9 and _, a letter first; got {name!r}.")
    require(name not in taken, f"{name} is a {what} of this package: choose another name.")
