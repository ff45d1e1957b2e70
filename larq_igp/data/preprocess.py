"""From a stored image to a network's input, the same for training, evaluation, prediction and the
device.
"""

import sys
from dataclasses import asdict, dataclass

from larq_igp.architectures.options import check_input_shape
from larq_igp.errors import UserError
from larq_igp.keras2 import tf

LARGEST = sys.float_info.max
FIXED = {"resize": "bilinear", "scale": "0..255"}
"""What is the same for all networks, and said in cards for those who feed a device."""


class PreprocessingError(UserError):
    """A description of preprocessing is not valid."""


@dataclass(frozen=True)
class Preprocessing:
    """Resize, crop, set channels, normalise: uint8 ``(h, w, c)`` -> float32 ``(H, W, C)``.

    Attributes:
        input_shape: ``(H, W, C)`` of the network.
        mean: subtracted, on the scale 0 to 255; one for all channels or one each.
        deviation: divisor; one for all channels or one each.
        crop: None stretches an image to ``(H, W)``. A share resizes it, its proportions kept, until
            it just covers ``(H / crop, W / crop)``, and cuts out the centre: 0.875 resizes the
            shorter side to 256 and keeps 224 x 224, as is usual for ImageNet.
        letterbox: whether an image is resized, its proportions kept, until it just fits into
            ``(H, W)``, and stands in the middle of the ground, the mean in whole grey levels; there
            is no crop then.
    """

    input_shape: tuple[int, int, int]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    crop: float | None = None
    letterbox: bool = False

    def __post_init__(self) -> None:
        """Check the fields, which may come from a file.

        Raises:
            PreprocessingError: naming the field and what it holds.
        """
        for name, is_valid in (
            ("mean", lambda value: -LARGEST <= value <= LARGEST),
            ("deviation", lambda value: 0 < value <= LARGEST),
        ):
            values = getattr(self, name)
            are_numbers = all(isinstance(value, int | float) for value in values)
            if not (
                are_numbers
                and len(values) in (1, self.input_shape[-1])
                and all(map(is_valid, values))
            ):
                raise PreprocessingError(f"{name} of the preprocessing cannot be {values}.")
        is_share = (
            isinstance(self.crop, int | float)
            and not isinstance(self.crop, bool)
            and 0 < self.crop <= 1
        )
        if self.crop is not None and not is_share:
            raise PreprocessingError(
                f"crop of the preprocessing cannot be {self.crop!r}; it is above 0 and at most 1."
            )
        if not isinstance(self.letterbox, bool) or (self.letterbox and self.crop is not None):
            raise PreprocessingError(
                f"letterbox of the preprocessing cannot be {self.letterbox!r} with crop "
                f"{self.crop!r}."
            )

    @property
    def ground(self) -> tuple[float, ...]:
        """Level of the bars beside a letterboxed image: one for all channels, or one each."""
        return tuple(float(min(max(round(each), 0), 255)) for each in self.mean)

    def __call__(self, image: tf.Tensor) -> tf.Tensor:
        """Apply to one image of any size with 1 or 3 channels, or as many as the network has."""
        return self.normalise(self.resize(image))

    def as_pixels(self) -> "PixelPreprocessing":
        """Return the same up to the normalisation, for what normalises pixels itself."""
        return PixelPreprocessing(**vars(self))

    def resize(self, image: tf.Tensor) -> tf.Tensor:
        """Bring one image to size, as ``crop`` and ``letterbox`` say, and to the network's
        channels: ``(H, W, C)`` on the scale 0 to 255.

        What has the size already stays as it is stored, uint8; what is resized is float32.
        """
        if self.letterbox:
            return self._letterbox(self.match_channels(image))
        if self.crop is not None:
            return self._centre_crop(self.match_channels(image))
        return self.stretch(image)

    def stretch(self, image: tf.Tensor) -> tf.Tensor:
        """Bring one image to size (bilinear, without antialias), all of it, and to the network's
        channels; types as ``resize``.
        """
        image = self.match_channels(image)
        return (
            image
            if tuple(image.shape[:2]) == self.input_shape[:2]
            else tf.image.resize(image, self.input_shape[:2])
        )

    def normalise(self, images: tf.Tensor) -> tf.Tensor:
        """Subtract the mean and divide by the deviation: one image or a batch, uint8 or float32."""
        images, shape = tf.cast(images, tf.float32), images.shape
        if len(self.mean) == len(self.deviation) == 1:
            return (images - self.mean) / self.deviation
        # Broadcast vectors of a whole row instead of vectors of three: the sums are the same.
        columns = shape[-2]
        channels = tf.ones(shape[-1])
        mean, deviation = (
            tf.tile(channels * value, [columns]) for value in (self.mean, self.deviation)
        )
        rows = tf.reshape(images, tf.concat([tf.shape(images)[:-2], [columns * shape[-1]]], axis=0))
        return tf.ensure_shape(tf.reshape((rows - mean) / deviation, tf.shape(images)), shape)

    def _centre_crop(self, image: tf.Tensor) -> tf.Tensor:
        height, width, channels = self.input_shape
        crop = self.crop or 1.0
        target = tf.constant([round(height / crop), round(width / crop)], tf.float64)
        stored = tf.cast(tf.shape(image)[:2], tf.float64)
        resized = tf.cast(tf.round(stored * tf.reduce_max(target / stored)), tf.int32)
        top, left = (resized[0] - height) // 2, (resized[1] - width) // 2
        image = tf.image.resize(image, resized)
        return tf.ensure_shape(
            tf.image.crop_to_bounding_box(image, top, left, height, width),
            (height, width, channels),
        )

    def _letterbox(self, image: tf.Tensor) -> tf.Tensor:
        height, width, channels = self.input_shape
        stored = tf.cast(tf.shape(image)[:2], tf.float64)
        scale = tf.reduce_min(tf.constant([height, width], tf.float64) / stored)
        resized = tf.maximum(tf.cast(tf.round(stored * scale), tf.int32), 1)
        top, left = (height - resized[0]) // 2, (width - resized[1]) // 2
        image = tf.image.resize(image, resized)
        inside = tf.ones_like(image[..., :1])
        image, inside = (
            tf.image.pad_to_bounding_box(each, top, left, height, width) for each in (image, inside)
        )
        return tf.ensure_shape(
            tf.where(inside > 0, image, tf.constant(self.ground)), (height, width, channels)
        )

    def match_channels(self, image: tf.Tensor) -> tf.Tensor:
        """Make a colour image grey, or repeat one channel, if the network has other channels than
        the image.
        """
        has, channels = image.shape[-1], self.input_shape[-1]
        if has == channels:
            return image
        if has == 3 and channels == 1:
            return tf.image.rgb_to_grayscale(image)
        if has == 1:
            return tf.repeat(image, channels, axis=-1)
        raise ValueError(f"an image of {has} channels cannot feed a network of {channels}.")

    def normalisation(self) -> dict:
        """Return what an image's values become, as ``larq_igp.data.identity`` compares it."""
        return {
            "mean": list(self.mean),
            "deviation": list(self.deviation),
            "crop": self.crop,
            "letterbox": self.letterbox,
        }

    def to_json(self) -> dict:
        """Return a dict for configuration files and model cards."""
        fields = {**asdict(self), "input_shape": list(self.input_shape), **FIXED}
        return {name: value for name, value in fields.items() if value not in (None, False, ())}

    @classmethod
    def from_json(cls, data: dict) -> "Preprocessing":
        """Return what ``to_json`` wrote.

        Raises:
            PreprocessingError: if something is missing, or asks for what this class does not do.
        """
        try:
            asked = {name: data[name] for name in FIXED}
            shape, mean, deviation = (
                tuple(data[name]) for name in ("input_shape", "mean", "deviation")
            )
        except (KeyError, TypeError) as error:
            raise PreprocessingError(f"the preprocessing is incomplete: {error}.") from error
        if asked != FIXED:
            raise PreprocessingError(f"the preprocessing asks for {asked}; there is only {FIXED}.")
        shape, letterbox = check_input_shape(shape, smallest=1), data.get("letterbox", False)
        return cls(shape, mean, deviation, crop=data.get("crop"), letterbox=letterbox)


class PixelPreprocessing(Preprocessing):
    """Resize, crop, set channels, round: uint8 ``(h, w, c)`` -> uint8 ``(H, W, C)``."""

    def __call__(self, image: tf.Tensor) -> tf.Tensor:
        """Apply to one image of any size with 1 or 3 channels, or as many as the network has."""
        return to_uint8(self.resize(image))


def to_uint8(image: tf.Tensor) -> tf.Tensor:
    """Round grey levels from 0 to 255 to whole ones."""
    return image if image.dtype == tf.uint8 else tf.cast(image + 0.5, tf.uint8)
