"""Classify photos with a file and its card.

larq-igp writes a card with every file that it converts: `net.json` for `net.tflite`. Photos are
decoded, resized, cropped and normalised (unless the file does that) as in larq-igp's training and
evaluation: the pixels are the same, and inputs differ only by rounding.
"""

import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from larq_igp_runtime.interpreter import Interpreter

SCALE, RESIZE = "0..255", "bilinear"
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF")
"""Formats that are read. Pillow would recognise others, and run a program for some, such as EPS."""
GREY_16 = ("I;16", "I;16B", "I;16L", "I;16N", "I")
"""Pillow's modes of grey images with 16 bits."""


@dataclass(frozen=True)
class Card:
    """What a card says about the inputs and outputs of a network.

    Attributes:
        input_shape: (H, W, C) of an image.
        mean: subtracted on the scale 0 to 255, one for all channels or one each.
        deviation: divisor, one for all channels or one each.
        crop: None stretches an image to (H, W). A share resizes it until it just covers
            (H / crop, W / crop), and cuts out the centre.
        letterbox: whether an image is resized until it just fits into (H, W), and stands in the
            middle of the mean in whole grey levels; there is no crop then.
        class_names: in the order of the outputs.
        takes_pixels: whether the file takes uint8 from 0 to 255, and normalises them itself.
        gives_logits: whether the file returns logits instead of probabilities.
    """

    input_shape: tuple[int, int, int]
    mean: np.ndarray
    deviation: np.ndarray
    crop: float | None
    class_names: tuple[str, ...]
    takes_pixels: bool = False
    gives_logits: bool = False
    letterbox: bool = False


def read_card(file: str | Path) -> Card:
    """Read the card of a `.tflite`.

    Raises:
        ValueError: if it is missing or damaged, or belongs to another file.
    """
    path = Path(file).with_suffix(".json")
    try:
        values = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise ValueError(
            f"{file} has no card: copy {path}, which larq-igp wrote next to it, or convert again."
        ) from error
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise ValueError(f"{path} is not a card: it does not hold a JSON object.")
    if values.get("preprocessing", "missing") is None:
        raise ValueError(
            f"{path} does not say how images are normalised: convert a run, or a model that begins "
            "with a Rescaling or Normalization layer."
        )
    try:
        card = _card(values)
        digest = values["sha256"]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"the field {error} is missing" if isinstance(error, KeyError) else error
        raise ValueError(f"{path} is damaged: {what}. Convert again.") from error
    try:
        content = Path(file).read_bytes()
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}.") from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise ValueError(
            f"{path} belongs to another file: its sha256 is not that of {file}. Copy both again, "
            "or convert again."
        )
    return card


def _card(values: Any) -> Card:
    how = values["preprocessing"]
    if how["resize"] != RESIZE or how["scale"] != SCALE:
        raise ValueError(f"resize is {how['resize']!r} and scale {how['scale']!r}")
    height, width, channels = (int(side) for side in how["input_shape"])
    mean, deviation = (np.array(how[name], np.float32) for name in ("mean", "deviation"))
    crop = how.get("crop")
    if min(height, width) < 1 or channels not in (1, 3) or not (crop is None or 0 < crop <= 1):
        raise ValueError(f"input_shape is {how['input_shape']} and crop {crop}")
    letterbox = how.get("letterbox", False)
    if not isinstance(letterbox, bool) or (letterbox and crop is not None):
        raise ValueError(f"letterbox is {letterbox!r} with crop {crop}")
    if any(each.shape not in ((1,), (channels,)) for each in (mean, deviation)):
        raise ValueError(f"mean is {how['mean']} and deviation {how['deviation']}")
    return Card(
        (height, width, channels),
        mean,
        deviation,
        crop,
        tuple(map(str, values["class_names"])),
        takes_pixels=values.get("input") == "uint8",
        gives_logits=values.get("scores") == "logits",
        letterbox=letterbox,
    )


def read_photo(path: str | Path, card: Card) -> np.ndarray:
    """Read a photo as the input of a file: float32 (H, W, C), or uint8 if it takes pixels.

    JPEG, PNG, GIF, BMP, WebP or TIFF; turned as its EXIF says.

    Raises:
        ValueError: if it cannot be decoded.
    """
    pixels = _resized(_decoded(path, card.input_shape[2]), card)
    if card.takes_pixels:
        return (pixels + np.float32(0.5)).astype(np.uint8)
    return (pixels - card.mean) / card.deviation


def _decoded(path: str | Path, channels: int) -> np.ndarray:
    """Decode to uint8 (h, w, channels)."""
    from PIL import Image, ImageOps

    mode = "L" if channels == 1 else "RGB"
    if not Path(path).is_file():
        raise ValueError(f"image {path} does not exist or is not a file.")
    try:
        content = Path(path).read_bytes()
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if image.format == "JPEG" and image.mode in ("RGB", "L"):
                image.draft(mode, image.size)  # of colour, the brightness that is stored
            turned = ImageOps.exif_transpose(image)
        if turned.mode in GREY_16:  # which Pillow would clip to 255
            turned = Image.fromarray(np.rint(np.asarray(turned, np.float64) / 257).astype(np.uint8))
        elif turned.mode == "P" and "transparency" in turned.info:
            turned = turned.convert("RGBA")
        pixels = np.asarray(turned.convert(mode))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        reason = "it is in no known format" if "identify" in str(error) else error
        raise ValueError(f"{path} is not an image, or it is damaged: {reason}.") from error
    return pixels.reshape(*pixels.shape[:2], channels)


def _resized(pixels: np.ndarray, card: Card) -> np.ndarray:
    """Bring an image to (H, W), as `Card` says: float32 on the scale 0 to 255."""
    height, width, _ = card.input_shape
    if card.letterbox:
        return _letterboxed(pixels, height, width, card.mean)
    if card.crop is None:
        return bilinear(pixels, height, width)
    stored = np.array(pixels.shape[:2], np.float64)
    target = np.array([round(height / card.crop), round(width / card.crop)], np.float64)
    tall, wide = (int(side) for side in np.round(stored * np.max(target / stored)))
    top, left = (tall - height) // 2, (wide - width) // 2
    return bilinear(pixels, tall, wide)[top : top + height, left : left + width]


def _letterboxed(pixels: np.ndarray, height: int, width: int, mean: np.ndarray) -> np.ndarray:
    stored = np.array(pixels.shape[:2], np.float64)
    scale = np.min(np.array([height, width], np.float64) / stored)
    tall, wide = (max(int(side), 1) for side in np.round(stored * scale))
    top, left = (height - tall) // 2, (width - wide) // 2
    result = np.empty((height, width, pixels.shape[2]), np.float32)
    result[:] = np.clip(np.round(mean), 0, 255)
    result[top : top + tall, left : left + wide] = bilinear(pixels, tall, wide)
    return result


def bilinear(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize (h, w, C) between pixel centres, no antialias: what `tf.image.resize` computes."""
    if pixels.shape[:2] == (height, width):
        return pixels.astype(np.float32)
    image = pixels.astype(np.float32)
    low, high, part = _between(image.shape[1], width)
    part = part[:, np.newaxis]
    image = image[:, low] + (image[:, high] - image[:, low]) * part
    low, high, part = _between(image.shape[0], height)
    part = part[:, np.newaxis, np.newaxis]
    return image[low] + (image[high] - image[low]) * part


def _between(old: int, new: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The two old places next to each new one, and its distance from the first."""
    scale = np.float32(old) / np.float32(new)
    at = (np.arange(new, dtype=np.float32) + np.float32(0.5)) * scale - np.float32(0.5)
    floor = np.floor(at)
    low = np.maximum(floor, 0).astype(int)
    high = np.minimum(np.ceil(at), old - 1).astype(int)
    return low, high, at - floor


class Classifier:
    """A file with its card, which classifies photos.

    Attributes:
        card: card of the file.
    """

    def __init__(self, file: str | Path, num_threads: int = 1, instruction_set: str | None = None):
        """Loads a `.tflite` and the card next to it. For the other arguments see `Interpreter`.

        Raises:
            ValueError: if the file or its card cannot be read, or they do not belong together.
        """
        self.card = read_card(file)
        self._interpreter = Interpreter(
            file, num_threads=num_threads, instruction_set=instruction_set
        )
        classes = self._interpreter.outputs[0].shape[-1]
        if len(self.card.class_names) not in (0, classes):
            raise ValueError(
                f"the card of {file} lists {len(self.card.class_names)} classes, but the file has "
                f"{classes} outputs."
            )
        self._names = self.card.class_names or tuple(map(str, range(classes)))

    def classify(self, photo: str | Path) -> list[tuple[str, float]]:
        """Return (class, probability from 0 to 1) of every class, the most probable first.

        Raises:
            ValueError: if the photo cannot be read.
        """
        (scores,) = self._interpreter.predict(read_photo(photo, self.card)[np.newaxis])
        if self.card.gives_logits:
            powers = np.exp(scores.astype(np.float64) - scores.max())
            scores = powers / powers.sum()
        best = np.argsort(-scores, kind="stable")
        return [(self._names[index], float(scores[index])) for index in best]
