"""Tiny data sets in their true formats, and the arithmetic of resizing."""

import io
import struct
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

SYNSETS = ("n01440764", "n01443537", "n01484850", "n01491361", "n01494475", "n01496331")


def picture(number: int, height: int = 60, width: int = 80) -> Image.Image:
    """A smooth colour picture that is another for each number."""
    pixels = np.random.default_rng(number).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)


def jpeg(image: Image.Image, **options) -> bytes:
    content = io.BytesIO()
    image.save(content, "JPEG", quality=95, **options)
    return content.getvalue()


def bilinear(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize ``(h, w, C)``:

    sample at the centres of the new pixels, between the centres of the old ones.
    """

    def along(length: int, old: int):
        at = np.clip((np.arange(length) + 0.5) * old / length - 0.5, 0, old - 1)
        low = np.floor(at).astype(int)
        return low, np.minimum(low + 1, old - 1), at - low

    image = image.astype(np.float64)
    low, high, part = along(height, image.shape[0])
    rows = image[low] * (1 - part)[:, None, None] + image[high] * part[:, None, None]
    low, high, part = along(width, image.shape[1])
    return rows[:, low] * (1 - part)[None, :, None] + rows[:, high] * part[None, :, None]


def write_cifar100(folder: Path, train: int = 60, test: int = 20) -> dict[str, np.ndarray]:
    """The binary archive; returns its records, ``(N, 3074)``:

    coarse label, fine label, red, green and blue plane.
    """
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    records = {}
    for name, count in (("train", train), ("test", test)):
        records[name] = generator.integers(0, 256, (count, 3074), dtype=np.uint8)
        records[name][:, 1] = np.arange(count) % 100
        records[name][:, 0] = records[name][:, 1] // 5
        records[name].tofile(folder / f"{name}.bin")
    return records


def write_prepared_cifar100(folder: Path) -> None:
    """The records of ``write_cifar100`` as tensorflow-datasets prepares them."""
    import tensorflow_datasets as tfds

    with TemporaryDirectory() as archive:
        records = write_cifar100(Path(archive) / "unpacked")
    builder = tfds.builder("cifar100", data_dir=folder)

    def examples(part):
        for index, row in enumerate(records[part]):
            image = row[2:].reshape(3, 32, 32).transpose(1, 2, 0)
            labels = {"label": int(row[1]), "coarse_label": int(row[0])}
            yield index, {"id": str(index), "image": image, **labels}

    builder._split_generators = lambda _: {"train": examples("train"), "test": examples("test")}
    builder.download_and_prepare()


def write_idx(folder: Path, train: int, test: int) -> None:
    """Random grey images in the files of Fashion-MNIST."""
    folder.mkdir(exist_ok=True)
    generator = np.random.default_rng(0)
    for part, count in (("train", train), ("t10k", test)):
        images = generator.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = np.arange(count).astype(np.uint8) % 10
        for name, array in (("images-idx3", images), ("labels-idx1", labels)):
            header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
            (folder / f"{part}-{name}-ubyte").write_bytes(header + array.tobytes())


def write_class_folders(
    root: Path, parts: dict[str, int], classes: tuple[str, ...] = SYNSETS
) -> None:
    """JPEGs of several sizes:

    so many in every class folder of every part; the part "" is the root itself.
    """
    number = 0
    for part, count in parts.items():
        for name in classes:
            folder = root / part / name
            folder.mkdir(parents=True)
            for index in range(count):
                (folder / f"{name}_{index}.JPEG").write_bytes(
                    jpeg(picture(number, 50 + number % 20, 70 - number % 30))
                )
                number += 1


def write_prepared_imagenet(folder: Path, train: int, validation: int) -> None:
    """ImageNet as tensorflow-datasets prepares it, from so many JPEGs of six classes."""
    import tensorflow_datasets as tfds

    builder = tfds.builder("imagenet2012", data_dir=folder)

    def examples(count):
        for index in range(count):
            name = f"{SYNSETS[index % len(SYNSETS)]}_{index}.JPEG"
            yield (
                name,
                {
                    "image": io.BytesIO(jpeg(picture(index))),
                    "label": index % len(SYNSETS),
                    "file_name": name,
                },
            )

    builder._split_generators = lambda _: {
        "train": examples(train),
        "validation": examples(validation),
    }
    builder.download_and_prepare()
