"""The network inside a file for a device: in float, from normalised images."""

from larq_igp.deploy.device.dense import to_float
from larq_igp.deploy.device.edit import Edit
from larq_igp.deploy.device.pixels import drop_chain


def plain_file(content: bytes) -> bytes:
    """Return the same network as a file that takes floats and has float weights.

    The weights have the values that they have in the file. A file without parts for a device is
    returned unchanged.
    """
    edit = Edit(content)
    before = len(edit.graph.operators)
    stored = to_float(edit)
    drop_chain(edit)
    is_same = not stored and len(edit.graph.operators) == before
    return content if is_same else edit.content()
