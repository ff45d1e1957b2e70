"""The Python interface: load a model, look at its inputs and outputs, predict."""

import functools
import operator
import os
import re
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from larq_igp_runtime.check import ModelError, check
from larq_igp_runtime.engine import Delegate
from larq_igp_runtime.host import find_host
from larq_igp_runtime.info import ModelInfo, model_info
from larq_igp_runtime.model_file import ModelFile, opened

MAX_THREADS = 1024  # LiteRT crashes where the system gives no more threads


@dataclass(frozen=True)
class TensorInfo:
    """One input or output of a model.

    Attributes:
        name: the tensor's name in the file.
        shape: its current shape; `resize` and `predict` change it.
        dtype: its NumPy type.
        scale: quantisation scale; 0.0 if the tensor is not quantised.
        zero_point: the quantised value of 0.
        index: the tensor's number in the file.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    scale: float
    zero_point: int
    index: int


class Interpreter:
    """A model with its LCE operators run by the engine and the rest by the stock interpreter.

    One object serves one thread at a time. `num_threads` is used inside each call.
    """

    def __init__(
        self,
        model: str | os.PathLike | bytes,
        num_threads: int = 1,
        *,
        fuse: bool = True,
        pixels: bool = True,
        xnnpack: bool = True,
        instruction_set: str | None = None,
        profile: bool = False,
        mapped: bool = False,
        unknown_operators: bool = False,
    ):
        """Loads a model and allocates its tensors.

        Args:
            model: path of a `.tflite` file, or the file's content as bytes.
            num_threads: threads used by one call, both by the engine and by the stock interpreter.
            fuse: let the engine run neighbouring operators together; the results are the same bits,
                except that without it nothing is computed on bytes, see `pixels`.
            pixels: let the engine compute the first convolution on bytes, if a file takes a uint8
                or int8 image and turns it into floats: faster, and right to 5e-5 of the largest
                output. The portable kernels always compute on floats.
            xnnpack: let the stock interpreter use XNNPACK for the float and int8 operators.
            instruction_set: instruction set of the engine's kernels, one of `instruction_sets()`.
                None: that of the environment variable `LARQ_IGP_RUNTIME_ISA`, else the processor's
                best.
            profile: time every step of the engine in every run, for `info`.
            mapped: map the file into memory instead of reading it: processes that run the same file
                then share its memory. While it is in use nobody may write to it; replacing it by
                another of its name is safe. Without `mapped` neither matters.
            unknown_operators: accept operators that `check` does not know, for files that you
                trust.

        Raises:
            ModelError: the file is missing, damaged, not a TFLite model, uses what is not
                supported, or changes while it is mapped and loaded.
            ValueError: `num_threads` is out of range, a switch neither True nor False, or
                `instruction_set` or `LARQ_IGP_RUNTIME_ISA` is unknown or not supported by this
                processor.
        """
        if type(num_threads) is not int or not 1 <= num_threads <= MAX_THREADS:
            raise ValueError(
                f"num_threads is {num_threads!r}; "
                f"it must be a whole number from 1 to {MAX_THREADS}."
            )
        switches = {
            "fuse": fuse,
            "pixels": pixels,
            "xnnpack": xnnpack,
            "profile": profile,
            "mapped": mapped,
            "unknown_operators": unknown_operators,
        }
        for name, value in switches.items():
            if not isinstance(value, int) or value not in (0, 1):
                raise ValueError(f"{name} is {value!r}; it must be True or False.")
        delegate = Delegate(
            instruction_set=instruction_set, fuse=fuse, pixels=pixels, profile=profile
        )
        with opened(model, mapped) as file:
            self._load(file, delegate, num_threads, xnnpack, unknown_operators)
        self._content, self._delegate, self._num_threads = file.content, delegate, num_threads
        self._views: list[weakref.ref] = []
        self._refused: dict[tuple[tuple[int, ...], ...], str] = {}

    def _load(
        self,
        file: ModelFile,
        delegate: Delegate,
        num_threads: int,
        xnnpack: bool,
        unknown_operators: bool,
    ) -> None:
        """Checks the file, then makes the host's interpreter of it."""
        name = file.name
        try:
            check(file.content, unknown=unknown_operators)
        except ModelError as error:
            raise ModelError(f"{name} cannot be used: {error}") from error
        host = find_host()
        options: dict[str, Any] = {}
        if not xnnpack:
            if host.resolver_type is None:
                raise ValueError(f"xnnpack=False is not available in {host.name}.")
            options["experimental_op_resolver_type"] = (
                host.resolver_type.BUILTIN_WITHOUT_DEFAULT_DELEGATES
            )
        self._make = functools.partial(
            host.interpreter, num_threads=num_threads, experimental_delegates=[delegate], **options
        )
        try:
            self._interpreter = self._make(**file.for_host)
            self._interpreter.allocate_tensors()
            self._look_at_inputs()
            self._output_numbers = [d["index"] for d in self._interpreter.get_output_details()]
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"{name} cannot be run: {_one_line(error)}") from error
        file.loaded()

    @property
    def inputs(self) -> list[TensorInfo]:
        """The model's inputs, in the order that `predict` takes them."""
        return list(self._infos)

    @property
    def outputs(self) -> list[TensorInfo]:
        """The model's outputs, in the order that `predict` returns them."""
        return [_tensor_info(detail) for detail in self._interpreter.get_output_details()]

    def info(self) -> ModelInfo:
        """Return which operators the engine runs, why not others, and which it has fused.

        With `profile=True` it includes the time of every step in the runs so far.
        """
        return model_info(self._content, self._delegate.describe(), self._num_threads)

    def resize(self, shape: Sequence[int], input: int = 0) -> None:
        """Gives one input another shape, such as another batch or image size.

        Args:
            shape: the new shape, every dimension at least 1.
            input: number of the input in `inputs`.

        Raises:
            ModelError: the model does not fit the shape; its tensors keep the shape they had.
        """
        self._need_no_views()
        shapes = [info.shape for info in self.inputs]
        if input not in range(len(shapes)) or not hasattr(input, "__index__"):
            raise ModelError(f"There is no input {input!r}: the model has {len(shapes)}.")
        try:
            new = tuple(operator.index(side) for side in shape)
        except TypeError:
            new = ()
        if len(new) != len(shapes[input]) or not all(1 <= side < 1 << 31 for side in new):
            raise ModelError(
                f"Input {input} cannot become {shape!r}: it has the shape {shapes[input]}."
            )
        self._resize_all([*shapes[:input], new, *shapes[input + 1 :]])

    def predict(
        self, batch: np.ndarray | Sequence[np.ndarray], *, copy: bool = True
    ) -> np.ndarray | list[np.ndarray]:
        """Runs the model on a batch of any size.

        The model is resized to the batch. A file that fixes its batch inside (by a constant
        reshape) cannot be resized; it is run on pieces of its own batch size.

        Args:
            batch: array of shape (N, ...) and the input's dtype; a list of arrays, in the order of
                `inputs`, for a model with several inputs.
            copy: False returns the interpreter's own memory where that is possible, read-only. Such
                an array, and all that is made of it without a copy, must be gone (`del`) before the
                next `predict`, `invoke` or `resize` of this interpreter, which is refused
                otherwise; so its values never change.

        Returns:
            The output of shape (N, ...), or the list of outputs if there are several.

        Raises:
            ModelError: shape or dtype do not fit the model, or an array of `copy=False` is in use.
        """
        self._need_no_views()
        infos = self._infos
        if len(infos) == 1 and type(batch) is np.ndarray:
            # The common case, without checks that would take longer than a small model.
            (info,) = infos
            if batch.shape == info.shape and batch.dtype == info.dtype:
                return _single(self._invoke((batch,), copy))
        arrays = list(batch) if isinstance(batch, list | tuple) else [batch]
        arrays = [_checked(array, info, i) for i, (array, info) in enumerate(_pairs(arrays, infos))]
        batches = [len(array) for array in arrays if array.ndim]
        if len(set(batches)) > 1:
            raise ModelError(f"The inputs' batches differ: {', '.join(map(str, batches))}.")
        if [array.shape for array in arrays] == [info.shape for info in infos]:
            return _single(self._invoke(arrays, copy))
        try:
            self._resize_all([array.shape for array in arrays])
        except ModelError as error:
            return _single(self._in_pieces(arrays, error))
        return _single(self._invoke(arrays, copy))

    def invoke(self) -> None:
        """Runs the model once on its current inputs, without reading the outputs: the call to time.

        Raises:
            ModelError: an operator fails, or an array of `predict(..., copy=False)` is in use.
        """
        self._need_no_views()
        try:
            self._interpreter.invoke()
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"The model failed: {_one_line(error)}") from error

    def _resize_all(self, shapes: Sequence[tuple[int, ...]]) -> None:
        """Gives every input its shape; after a failure the previous shapes are restored.

        For that the host's interpreter is made anew, since XNNPACK keeps part of a shape that it
        refused. The delegate serves one interpreter at a time.
        """
        wanted, former = tuple(shapes), [info.shape for info in self._infos]
        if wanted in self._refused:
            raise ModelError(self._refused[wanted])
        try:
            self._allocate(wanted)
        except (ValueError, RuntimeError) as error:
            self._refused[wanted] = f"The model does not fit the shape: {_one_line(error)}"
            after = ""
            try:
                self._interpreter = None
                self._interpreter = self._make(model_content=bytes(self._content))
                self._allocate(former)
            except (ValueError, RuntimeError):
                after = " It cannot be used any more: load it again."
            raise ModelError(self._refused[wanted] + after) from error

    def _allocate(self, shapes: Sequence[tuple[int, ...]]) -> None:
        for info, shape in zip(self._infos, shapes, strict=True):
            if shape:  # a single number has no other, and LiteRT 1.0 crashes when it is asked
                self._interpreter.resize_tensor_input(info.index, shape)
        self._interpreter.allocate_tensors()
        self._look_at_inputs()

    def _look_at_inputs(self) -> None:
        """Caches the details of the inputs: asking for them takes longer than a small model."""
        self._infos = [_tensor_info(detail) for detail in self._interpreter.get_input_details()]

    def _in_pieces(self, arrays: list[np.ndarray], reason: ModelError) -> list[np.ndarray]:
        """Runs a batch in pieces of the model's own batch size."""
        size, count = self.inputs[0].shape[0], len(arrays[0])
        if count % size:
            raise reason
        pieces = [self._invoke([a[i : i + size] for a in arrays]) for i in range(0, count, size)]
        return [np.concatenate(parts) for parts in zip(*pieces, strict=True)]

    def _need_no_views(self) -> None:
        """Refuses a call that would write to memory which an array of the user shows."""
        if self._views and any(view() is not None for view in self._views):
            raise ModelError(
                "An array that predict(..., copy=False) returned is still in use: delete it, or "
                "copy it, before the next call."
            )

    def _invoke(self, arrays: Sequence[np.ndarray], copy: bool = True) -> list[np.ndarray]:
        interpreter = self._interpreter
        for info, array in zip(self._infos, arrays, strict=True):
            interpreter.set_tensor(info.index, array)
        self.invoke()
        if copy:
            return [interpreter.get_tensor(number) for number in self._output_numbers]
        views = [_View(self, interpreter.tensor(number)()) for number in self._output_numbers]
        self._views = [weakref.ref(view) for view in views]
        return [np.asarray(view) for view in views]


class _View:
    """Memory of a host's tensor, shown read-only by an array, which keeps its owner alive."""

    def __init__(self, owner: Interpreter, tensor: np.ndarray):
        self._owner, self._tensor = owner, tensor
        interface = tensor.__array_interface__
        self.__array_interface__ = {**interface, "data": (interface["data"][0], True)}


def _pairs(arrays: list, infos: list[TensorInfo]) -> zip:
    if len(arrays) != len(infos):
        raise ModelError(f"The model has {len(infos)} inputs, but {len(arrays)} arrays were given.")
    return zip(arrays, infos, strict=True)


def _checked(array: Any, info: TensorInfo, number: int) -> np.ndarray:
    """The array, checked to fit the input in all but its batch."""
    array = np.asarray(array)
    if array.dtype != info.dtype:
        raise ModelError(
            f"Input {number} ({info.name}) takes {info.dtype}, but {array.dtype} was given."
        )
    fits = array.ndim == len(info.shape) and array.shape[1:] == info.shape[1:] and array.size
    if not fits:
        wanted = ", ".join(["N", *map(str, info.shape[1:])])
        raise ModelError(
            f"Input {number} ({info.name}) takes the shape ({wanted}), but {array.shape} was given."
        )
    return np.asarray(array, order="C")


def _single(outputs: list[np.ndarray]) -> np.ndarray | list[np.ndarray]:
    return outputs[0] if len(outputs) == 1 else outputs


def _one_line(error: Exception) -> str:
    """The interpreter's messages, which it joins or puts into lines of their own, as one text."""
    parts = re.split(r"\n|(?<=\S)(?=Node number \d)", str(error))
    sentences = [" ".join(part.split()).rstrip(".") for part in parts]
    return ". ".join(filter(None, sentences)) + "."


def _tensor_info(detail: dict) -> TensorInfo:
    scale, zero_point = detail["quantization"]
    return TensorInfo(
        name=detail["name"],
        shape=tuple(int(side) for side in detail["shape"]),
        dtype=np.dtype(detail["dtype"]),
        scale=float(scale),
        zero_point=int(zero_point),
        index=int(detail["index"]),
    )
