"""Names of a file's input and output."""

from larq_igp.keras2 import tf


def input_and_output_names(model: "tf.keras.Model") -> tuple[str, str]:
    """Return Keras' names of a model's input and output, as valid names of TensorFlow nodes."""
    input_name, output_name = _plain(model.input_names[0]), _plain(model.output_names[0])
    return input_name, output_name if output_name != input_name else f"{output_name}_output"


def _plain(name: str) -> str:
    """Return a valid name of a TensorFlow node."""
    return (
        "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name).strip(
            "_"
        )
        or "tensor"
    )
