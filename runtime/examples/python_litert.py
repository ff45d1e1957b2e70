"""The engine in a program that uses LiteRT itself: load the delegate, then everything is as usual.

    python examples/python_litert.py model.tflite image.npy

The array has the model's input shape and type, such as (1, 224, 224, 3) in uint8. With
tflite_runtime or TensorFlow only the import differs.
"""

import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter, load_delegate

import larq_igp_runtime


def main(model: str, array: str) -> None:
    """Prints the five classes with the highest scores."""
    # One delegate per interpreter. Options are strings: {"fuse": "0"} runs every operator by
    # itself.
    delegate = load_delegate(larq_igp_runtime.delegate_path())
    interpreter = Interpreter(model, num_threads=4, experimental_delegates=[delegate])
    interpreter.allocate_tensors()

    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.load(array))
    interpreter.invoke()
    scores = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]

    for label in np.argsort(-scores.ravel())[:5]:
        print(f"class {label}: {scores.ravel()[label]:.4f}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
