from hypothesis import given
from hypothesis import strategies as st

from minifacenet.files.spreadsheets import name_cell, name_of_cell, path_cell, path_of_cell

TEXTS = st.text("'=+-@\t\r\n＝＠./ aé", max_size=6)


@given(TEXTS)
def test_a_name_comes_back_and_is_no_formula(name):
    cell = name_cell(name)
    assert name_of_cell(cell) == name
    assert cell[:1] not in {*"=+-@\t\r\n＝＋－＠"}


@given(TEXTS.filter(lambda path: not path.startswith("./")))
def test_a_path_comes_back_and_is_no_formula(path):
    cell = path_cell(path)
    assert path_of_cell(cell) == path
    assert cell[:1] not in {*"=+-@\t\r\n＝＋－＠"}
