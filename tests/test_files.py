import os

import pytest

from larq_igp.errors import UserError
from larq_igp.files import atomic_path, read_json, write_atomically, write_json


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "a b.json"
    write_json(path, {"old": 1})
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert read_json(path) == {"old": 1}
    assert os.listdir(tmp_path) == ["a b.json"]


def test_permissions_follow_the_umask(tmp_path):
    write_atomically(tmp_path / "file", b"x")
    umask = os.umask(0)
    os.umask(umask)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o666 & ~umask


def test_what_cannot_be_written_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match=r"none/file cannot be written: No such file or directory"):
        write_atomically(tmp_path / "none" / "file", b"x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match="cannot be written"):
        write_atomically(tmp_path / "folder", b"x")
    assert os.listdir(tmp_path) == ["folder"]


def test_what_cannot_be_read_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        read_json(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(UserError, match="is not readable JSON"):
        read_json(tmp_path / "bad.json")
