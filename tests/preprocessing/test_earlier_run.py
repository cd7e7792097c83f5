"""What an earlier run says of itself is quoted in one short line, however long it is."""

import json
from dataclasses import asdict

import pytest

from minifacenet.classification.known_faces import person_of
from minifacenet.preprocessing.choose_and_cut import CropSettings
from minifacenet.preprocessing.crop_places import crop_names, is_below_faces
from minifacenet.preprocessing.earlier_run import Earlier, check_moved, read_earlier
from minifacenet.preprocessing.known import Known

SETTINGS = CropSettings()


def test_settings_that_all_differ_are_a_short_line(tmp_path):
    ours = {"format": 1, "photos": "/photos", **asdict(SETTINGS)}
    stored = {name: "x" * 1000 for name in ours}
    (tmp_path / "align.json").write_text(json.dumps(stored))
    with pytest.raises(ValueError, match=r"made with other settings .*; \.\.\.") as error:
        read_earlier(tmp_path, tmp_path, SETTINGS, force=False)
    assert len(str(error.value)) < 600


def test_a_folder_with_a_long_name_is_cut_short(tmp_path):
    with pytest.raises(ValueError, match=r"was made from /x+ \.\.\.?, not from") as error:
        check_moved(tmp_path, tmp_path, Earlier({}, "/" + "x" * 9000), Known({}, {}, {}, ("a",)))
    assert len(str(error.value)) < 600


def test_names_that_no_photo_has_are_names_all_the_same():
    assert person_of("Ada") == "Ada"
    assert crop_names(["Ada", "a/b.jpg"]) == {"Ada": "Ada", "a/b.jpg": "a/b"}
    assert not is_below_faces("faces/a\0.png")
