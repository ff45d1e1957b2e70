import gzip
import struct

import numpy as np
import pytest

from larq_igp.data.idx import IdxError, find_idx_folder, read_idx

STEM = "train-images-idx3-ubyte"
IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


def idx_bytes(array: np.ndarray) -> bytes:
    return struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.mark.parametrize("suffix, pack", [("", bytes), (".gz", gzip.compress)])
def test_reads_plain_and_gzipped(tmp_path, suffix, pack):
    (tmp_path / f"{STEM}{suffix}").write_bytes(pack(idx_bytes(IMAGES)))
    np.testing.assert_array_equal(read_idx(tmp_path, STEM), IMAGES)
    assert find_idx_folder(tmp_path) == tmp_path


@pytest.mark.parametrize(
    "name, content, message",
    [
        (STEM, idx_bytes(IMAGES)[:-1], "truncated"),
        (STEM, idx_bytes(IMAGES) + b"x", "truncated"),
        (STEM, idx_bytes(IMAGES)[:10], "truncated"),
        (STEM, b"", "not an IDX file"),
        (STEM, b"\x89PNG and more", "not an IDX file"),
        (f"{STEM}.gz", gzip.compress(idx_bytes(IMAGES), mtime=0)[:20], "cannot be read"),
        (f"{STEM}.gz", b"no gzip", "cannot be read"),
    ],
)
def test_damaged_files_are_refused(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(IdxError, match=message):
        read_idx(tmp_path, STEM)


def test_missing_files_are_named(tmp_path):
    assert find_idx_folder(tmp_path) is None
    with pytest.raises(IdxError, match=f"lacks {STEM}"):
        read_idx(tmp_path, STEM)
