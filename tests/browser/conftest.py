import pytest

from .devtools import PROGRAM, Chromium


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    assert PROGRAM, "MINIFACENET_REQUIRE_CHROMIUM=1, but there is no chromium"
    with Chromium(tmp_path_factory.mktemp("profile")) as running:
        yield running
