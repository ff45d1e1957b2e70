"""Fields of a recipe that say what is done to images: how they are brought to size, wherever they
are fed, and how training images are changed at random.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from larq_igp.training.recipe.fields import stated

of_images = partial(stated, "images")
SHARE: dict[str, Any] = {"gt": 0.0, "le": 1.0}


@dataclass(frozen=True, kw_only=True)
class OfImages:
    """What is done to images. A field that is None leaves it to the data set."""

    geometry: Literal["crop", "letterbox", "stretch"] | None = of_images(
        None,
        "How an image is brought to size in evaluation, predict and on a device: crop keeps the "
        "middle, letterbox all of it between bars of the mean colour, stretch all of it; none is "
        "the data set's own: crop for image files.",
    )
    centre_crop: float | None = of_images(
        None,
        "Of crop: side of the middle as a share of the resized image; none is 0.875 for image "
        "files.",
        **SHARE,
    )
    crop_area: float | None = of_images(
        None,
        "The smallest random part of a training image, as a share of its area; 1 feeds it as in "
        "evaluation; none is 0.08.",
        used_by={"dataset": ("folder", "imagenet2012")},
        **SHARE,
    )
    mirror: bool | None = of_images(
        None,
        "Training images are mirrored at random; none is the data set's own: true for photos. "
        "Where left and right are classes, it must be false.",
    )
    colour_jitter: float = of_images(
        0.0,
        "Brightness, contrast and saturation of a training image are changed at random by up to "
        "this share.",
        ge=0.0,
        lt=1.0,
    )
    cut_out: float = of_images(
        0.0,
        "Side of a square that is cut out of each training image (arXiv 1708.04552), as a share of "
        "its side.",
        ge=0.0,
        lt=1.0,
    )
    mixup: float = of_images(
        0.0,
        "Alpha of mixup (arXiv 1710.09412): two images of a batch and their labels are mixed in a "
        "share drawn from Beta(alpha, alpha); 0 is off.",
        ge=0.0,
        le=100.0,
    )
