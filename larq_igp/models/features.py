"""Named tensors of a network, and its layers by part.

Names of layers are part of the interface and survive saving, loading and cloning. This file is the
one place that reads them.
"""

import re

from larq_igp.errors import UserError
from larq_igp.keras2 import tf
from larq_igp.models.layers import Tensor

PART = re.compile(r"(stem|transition\d+|stage\d+_block\d+|head)(?:_|$)")


def parts(model: "tf.keras.Model") -> dict[str, list["tf.keras.layers.Layer"]]:
    """Return the layers of a network by the part that they belong to.

    Args:
        model: built by this package, or a copy of such a model.

    Returns:
        ``stem``, ``stage1_block1``, ..., ``transition1`` (where it stands between stages), ...,
        ``head``; the layers of each in the order in which they run. Layers before the stem
        belong to none.

    Raises:
        UserError: if no layer is named as this package names them.
    """
    found: dict[str, list[tf.keras.layers.Layer]] = {}
    for layer in model.layers:
        if match := PART.match(layer.name):
            found.setdefault(match[1], []).append(layer)
    if "stem" not in found or "stage1_block1" not in found:
        raise UserError(
            f"model {model.name!r} has no layers named stem_... and stage1_block1_...: it was not "
            "built by larq_igp."
        )
    return found


def features(model: "tf.keras.Model") -> dict[str, Tensor]:
    """Return the tensors of a network that others build upon.

    Args:
        model: built by this package, or a copy of such a model: loaded, cloned, or of other bits.

    Returns:
        Keras tensors by name, in the order in which they are computed:
        ``stem`` ``(N, H, W, C)``; ``stage1``, ``stage2``, ... ``(N, H_i, W_i, C_i)``, what leaves
        each stage, before the transition to the next; where the model has them, ``pre_logits``
        ``(N, C)``, pooled over the image, and ``logits`` ``(N, num_classes)``.

    Raises:
        UserError: if no layer is named as this package names them.

    Example:
        >>> model = larq_igp.build("igp_resnet_tiny", input_shape=(32, 32, 3))
        >>> pyramid = tf.keras.Model(model.input, features(model))
    """
    ends = {}
    for part, layers in parts(model).items():
        name = part.partition("_")[0]
        if name == "stem" or name.startswith("stage"):
            ends[name] = layers[-1]  # the blocks of a stage run in order: its last one stays
    in_head = {layer.name: layer for layer in model.layers}
    for name, layer_name in (("pre_logits", "head_pool"), ("logits", "head_dense")):
        if layer_name in in_head:
            ends[name] = in_head[layer_name]
    return {name: layer.get_output_at(0) for name, layer in ends.items()}
