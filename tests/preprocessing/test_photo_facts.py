"""What a header says of a photo is what its pixels are."""

import pytest
from PIL import Image

from minifacenet.preprocessing.photo import decode_photo
from minifacenet.preprocessing.photo_facts import photo_facts

from .made_files import encoded


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_the_size_is_that_of_the_upright_pixels(tmp_path, kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "photo"
    path.write_bytes(encoded(Image.new("RGB", (8, 5)), kind, exif=exif.tobytes()))
    facts = photo_facts(path)
    assert (facts.height, facts.width) == decode_photo(path.read_bytes(), path).shape[:2]
