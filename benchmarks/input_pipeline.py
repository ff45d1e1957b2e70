"""Time our training pipeline for JPEGs against larq-zoo's, which fuses decoding and cropping too.

Both read the same generated folder of JPEGs, in the same process, in turns. The first of ours has
larq-zoo's interpolation, DCT and data types, and its crops but for the smallest (ours begin at 8 %
of the area, larq-zoo's effectively at 10 %); then each choice is made alone, and all together,
which is what `larq_igp.data` does. larq-zoo's is also measured with bilinear interpolation in place
of its bicubic one, so that the gain of that choice can be told apart. "uint8" leaves normalising to
the device; the last of ours pays for it here as well.

    python benchmarks/input_pipeline.py

writes ``benchmarks/results/input_pipeline-<machine>-tf<version>.csv`` and ends with an error if a
ratio falls below its limit. Ratios are medians over the turns, each of two measurements within one
turn. Seconds are of the wall clock, CPU seconds of all threads.
"""

import argparse
import csv
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from larq_igp.data import Preprocessing, load_dataset, train_batches
from larq_igp.data.augment import augment
from larq_igp.data.dataset import IMAGENET_DEVIATION, IMAGENET_MEAN, Dataset
from larq_igp.data.images import EXACT_DCT, decode_random_part
from larq_igp.deploy.host import describe_host
from larq_igp.keras2 import tf

SIDE, BATCH = 224, 32
SIZES = {"500x375": (375, 500), "1600x1200": (1200, 1600)}
QUALITY = 92
ZOO, ZOO_BILINEAR = "larq_zoo", "larq_zoo, bilinear"
SAME, SAME_BILINEAR, ALL, ALL_HERE = (
    "same",
    "same, bilinear",
    "all choices (default)",
    "default, normalised here",
)
LIMITS = {
    ("500x375", SAME, ZOO): 1.0,
    ("500x375", SAME_BILINEAR, ZOO_BILINEAR): 1.0,
    ("500x375", ALL, ZOO): 1.3,
    ("1600x1200", SAME, ZOO): 1.0,
    ("1600x1200", SAME_BILINEAR, ZOO_BILINEAR): 1.0,
}
"""Smallest ratio of images per CPU second, ours to larq-zoo's. Large files spend most of their time
on reading their codes in order, which no choice spares."""

COLUMNS = (
    "images",
    "kilobytes_mean",
    "pipeline",
    "repeats",
    "images_per_second_median",
    "images_per_second_min",
    "images_per_second_max",
    "images_per_cpu_second_median",
    "images_per_cpu_second_min",
    "images_per_cpu_second_max",
    "ratio_to_larq_zoo",
    "cpu_ratio_to_larq_zoo",
    "cpu_ratio_to_larq_zoo_bilinear",
    "cpu",
    "cores",
    "tensorflow",
    "larq_zoo",
    "date",
)


@dataclass(frozen=True)
class Choices:
    """What our pipeline does otherwise than larq-zoo's."""

    interpolation: str = "bicubic"
    dct_method: str = "INTEGER_FAST"
    scaled: bool = False
    uint8: bool = False


OURS = {
    SAME: Choices(),
    "same + accurate DCT": Choices(dct_method=EXACT_DCT),
    "same + scaled decoding": Choices(scaled=True),
    "same + uint8": Choices(uint8=True),
    "all choices but bilinear": Choices(scaled=True, uint8=True),
    SAME_BILINEAR: Choices(interpolation="bilinear"),
}


def write_images(folder: Path, size: tuple[int, int], count: int) -> float:
    """Write class folders of JPEGs with the detail and the bytes of photographs; return their mean
    size in bytes.

    Each is a collage of digits over smooth colours, with noise of the strength of a camera's.
    """
    from sklearn.datasets import load_digits

    tiles = load_digits().images.astype(np.float32) * (255 / 16)
    height, width = size
    generator = np.random.default_rng(0)
    sizes = []
    for number in range(count):
        colours = tf.image.resize(
            generator.uniform(0, 255, (6, 8, 3)).astype(np.float32), size, method="bicubic"
        )
        chosen = (
            tiles[generator.integers(len(tiles), size=12)]
            .reshape(3, 4, 8, 8)
            .swapaxes(1, 2)
            .reshape(24, 32, 1)
        )
        collage = tf.image.resize(chosen, size, method="bicubic")
        grain = tf.image.resize(
            generator.normal(0, 40, (height // 3, width // 3, 3)).astype(np.float32), size
        )
        noise = generator.normal(0, 7, (*size, 3))
        pixels = np.clip(0.6 * colours + 0.4 * collage + grain + noise, 0, 255).astype(np.uint8)
        content = tf.io.encode_jpeg(pixels, quality=QUALITY).numpy()
        path = folder / "train" / f"class {number % 4}" / f"{number:04}.jpeg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        sizes.append(len(content))
    return statistics.mean(sizes)


def zoo_pipeline(dataset: Dataset, *, bilinear: bool) -> "tf.data.Dataset":
    """Return larq-zoo's training images; with ``bilinear``, its resize is replaced while its
    function is traced.
    """
    from larq_zoo.training.data import preprocess_image_bytes

    resize_images = tf.compat.v1.image
    bicubic = resize_images.resize_bicubic

    read = dataset.split("train").read
    assert read is not None  # images of files are encoded

    def example(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        content, label = read(index)
        if bilinear:
            resize_images.resize_bicubic = resize_images.resize_bilinear
        try:
            return preprocess_image_bytes(content, is_training=True, image_size=SIDE), label
        finally:
            resize_images.resize_bicubic = bicubic

    return _batched(dataset, example)


def our_pipeline(dataset: Dataset, choices: Choices) -> "tf.data.Dataset":
    """Return our training images, with some of our choices."""
    preprocessing = Preprocessing((SIDE, SIDE, 3), IMAGENET_MEAN, IMAGENET_DEVIATION)

    read = dataset.split("train").read
    assert read is not None  # images of files are encoded

    def example(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        content, label = read(index)
        seed = tf.stack([tf.constant(0, tf.int64), index])
        part = decode_random_part(
            content, (SIDE, SIDE), seed, dct_method=choices.dct_method, scaled=choices.scaled
        )
        if choices.uint8:
            image = tf.image.resize(part, (SIDE, SIDE), method=choices.interpolation)
            return augment(tf.saturate_cast(image + 0.5, tf.uint8), dataset, seed), label
        image = augment(
            part, dataset, seed
        )  # a part has fewer bytes than what it becomes: it is mirrored first
        return preprocessing.normalise(
            tf.image.resize(image, (SIDE, SIDE), method=choices.interpolation)
        ), label

    return _batched(dataset, example)


def _batched(dataset: Dataset, example: Callable) -> "tf.data.Dataset":
    indices = (
        tf.data.Dataset.range(dataset.split("train").examples).shuffle(10_000, seed=0).repeat()
    )
    return (
        indices.map(example, num_parallel_calls=tf.data.AUTOTUNE)
        .batch(BATCH, drop_remainder=True)
        .prefetch(2)
    )


def pipelines(dataset: Dataset) -> dict[str, "tf.data.Dataset"]:
    """Return all that are compared, endless, by name."""
    preprocessing = dataset.preprocessing((SIDE, SIDE, 3))
    default = train_batches(dataset, preprocessing, batch_size=BATCH, seed=0)
    return {
        ZOO: zoo_pipeline(dataset, bilinear=False),
        **{name: our_pipeline(dataset, choices) for name, choices in OURS.items()},
        ZOO_BILINEAR: zoo_pipeline(dataset, bilinear=True),
        ALL: default,
        ALL_HERE: default.map(
            lambda images, labels: (preprocessing.normalise(images), labels), tf.data.AUTOTUNE
        ),
    }


def rates(batches: "tf.data.Dataset", steps: int) -> tuple[float, float]:
    """Return images per second of the wall clock, and per second of the CPU."""
    iterator = iter(batches)
    for _ in range(3):  # buffers fill, and the number of threads is tuned
        next(iterator)
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(steps):
        next(iterator)
    return steps * BATCH / (time.perf_counter() - wall), steps * BATCH / (time.process_time() - cpu)


def compare(size: str, images: int, repeats: int, steps: int) -> list[dict]:
    """Measure all pipelines in turns on images of one size, and return a row for each."""
    with tempfile.TemporaryDirectory() as temporary:
        mean_bytes = write_images(Path(temporary), SIZES[size], images)
        dataset = load_dataset("folder", data_dir=temporary)
        contenders = pipelines(dataset)
        measured: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
        for repeat in range(-1, repeats):
            order = list(contenders) if repeat % 2 == 0 else list(reversed(contenders))
            for name in order:
                result = rates(contenders[name], steps)
                if repeat >= 0:  # the first turn warms up
                    measured[name].append(result)
            print(f"{size}: {repeat + 1} of {repeats} turns", file=sys.stderr, flush=True)
    return [row(size, mean_bytes, name, measured) for name in contenders]


def row(
    size: str, mean_bytes: float, name: str, measured: dict[str, list[tuple[float, float]]]
) -> dict:
    """Return what the CSV says of one pipeline."""
    from larq_igp.versions import installed_version

    host = describe_host()
    wall, cpu = zip(*measured[name], strict=True)

    def ratio(peer: str, column: int) -> float:
        pairs = zip(measured[name], measured[peer], strict=True)
        return round(statistics.median(ours[column] / theirs[column] for ours, theirs in pairs), 3)

    return {
        "images": size,
        "kilobytes_mean": round(mean_bytes / 1000, 1),
        "pipeline": name,
        "repeats": len(wall),
        "images_per_second_median": round(statistics.median(wall), 1),
        "images_per_second_min": round(min(wall), 1),
        "images_per_second_max": round(max(wall), 1),
        "images_per_cpu_second_median": round(statistics.median(cpu), 1),
        "images_per_cpu_second_min": round(min(cpu), 1),
        "images_per_cpu_second_max": round(max(cpu), 1),
        "ratio_to_larq_zoo": ratio(ZOO, 0),
        "cpu_ratio_to_larq_zoo": ratio(ZOO, 1),
        "cpu_ratio_to_larq_zoo_bilinear": ratio(ZOO_BILINEAR, 1),
        "cpu": host.cpu,
        "cores": host.cores,
        "tensorflow": tf.__version__,
        "larq_zoo": installed_version("larq-zoo"),
        "date": date.today().isoformat(),
    }


def too_slow(rows: list[dict]) -> list[str]:
    """Return what is below its limit, in words."""
    column = {ZOO: "cpu_ratio_to_larq_zoo", ZOO_BILINEAR: "cpu_ratio_to_larq_zoo_bilinear"}
    found = []
    for each in rows:
        for (size, name, peer), limit in LIMITS.items():
            ratio = each[column[peer]]
            if (each["images"], each["pipeline"]) == (size, name) and ratio < limit:
                found.append(f"{size}: {name!r} is {ratio:.2f} of {peer!r}, limit {limit}")
    return found


def main() -> None:
    """Compare on all sizes, write the CSV, print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--steps", type=int, default=8, help=f"batches of {BATCH} in a measurement")
    parser.add_argument("--images", type=int, default=96, help="files of each size")
    parser.add_argument("--sizes", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("-o", "--output", type=Path, default=None)
    arguments = parser.parse_args()
    rows = [
        each
        for size in arguments.sizes
        for each in compare(size, arguments.images, arguments.repeats, arguments.steps)
    ]
    default = (
        Path(__file__).parent
        / "results"
        / f"input_pipeline-{platform.machine()}-tf{tf.__version__}.csv"
    )
    path = arguments.output or default
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(
        f"{'images':10} {'kB':>5} {'pipeline':24} {'images/s (spread)':>24} "
        f"{'/CPU s (spread)':>24} {'ratio':>6} {'CPU':>6}"
    )
    for each in rows:
        wall, cpu = (
            f"{each[f'{unit}_median']:.0f} ({each[f'{unit}_min']:.0f} to {each[f'{unit}_max']:.0f})"
            for unit in ("images_per_second", "images_per_cpu_second")
        )
        print(
            f"{each['images']:10} {each['kilobytes_mean']:5.0f} {each['pipeline']:24} {wall:>24} "
            f"{cpu:>24} "
            f"{each['ratio_to_larq_zoo']:6.2f} {each['cpu_ratio_to_larq_zoo']:6.2f}"
        )
    if problems := too_slow(rows):
        sys.exit("; ".join(problems))


if __name__ == "__main__":
    main()
