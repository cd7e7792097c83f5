"""Lists of pairs as they come: LFW's form, the form with paths, and what people do to both."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minifacenet.classification.pair_lists import Pairs, PairsError, read_pairs, write_pairs

LFW = """2\t2
Ada\t1\t4
Grace\t2\t3
Ada\t1\tGrace\t12
Ada\t2\tGrace\t3
Lise\t1\t2
Lise\t1\t10000
Lise\t2\tMaria\t1
Maria\t3\tLise\t1
"""
PATHS = "Ada/1.jpg\tAda/2.png\t1\nAda/1.jpg\tGrace/x.jpg\t0\n"


def write(folder, text, encoding="utf-8"):
    path = folder / "pairs.txt"
    path.write_bytes(text.encode(encoding))
    return path


def error(path):
    with pytest.raises(PairsError) as caught:
        read_pairs(path)
    return str(caught.value)


def test_lfw_form_of_several_folds(tmp_path):
    pairs = read_pairs(str(write(tmp_path, LFW)))
    assert len(pairs) == 8
    assert pairs.same == (True, True, False, False) * 2
    assert pairs.fold == (1,) * 4 + (2,) * 4
    assert pairs.first[0] == "Ada/Ada_0001.jpg"
    assert pairs.second[0] == "Ada/Ada_0004.jpg"
    assert (pairs.first[2], pairs.second[2]) == ("Ada/Ada_0001.jpg", "Grace/Grace_0012.jpg")
    assert pairs.second[5] == "Lise/Lise_10000.jpg"
    assert (pairs.first[7], pairs.second[7]) == ("Maria/Maria_0003.jpg", "Lise/Lise_0001.jpg")


def test_lfw_form_of_one_fold(tmp_path):
    pairs = read_pairs(write(tmp_path, "1\nAda\t1\t4\nAda\t1\tGrace\t12\n"))
    assert pairs.same == (True, False)
    assert pairs.fold == (1, 1)


@pytest.mark.parametrize("folds", ["", "\t7"])
def test_form_with_paths(tmp_path, folds):
    text = PATHS.replace("\t1\n", f"\t1{folds}\n").replace("\t0\n", f"\t0{folds}\n")
    pairs = read_pairs(write(tmp_path, text))
    number = 7 if folds else 1
    assert pairs == Pairs(
        ("Ada/1.jpg", "Ada/1.jpg"), ("Ada/2.png", "Grace/x.jpg"), (True, False), (number, number)
    )


@pytest.mark.parametrize("text", [LFW, PATHS], ids=["lfw", "paths"])
@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeff" + text,
        lambda text: text + "\n \n\t\n\r\n",
        lambda text: text.rstrip("\n"),
    ],
    ids=["windows", "bom", "blank lines", "no last line ending"],
)
def test_what_editors_do_changes_nothing(tmp_path, text, change):
    plain = read_pairs(write(tmp_path, text))
    assert read_pairs(write(tmp_path, change(text))) == plain


def test_spaces_separate_too_and_tabs_allow_them_in_names(tmp_path):
    assert read_pairs(write(tmp_path, LFW.replace("\t", "  "))) == read_pairs(write(tmp_path, LFW))
    pairs = read_pairs(write(tmp_path, LFW.replace("Ada", "Ada de la Byron")))
    assert pairs.first[0] == "Ada de la Byron/Ada de la Byron_0001.jpg"


names = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\t\r\n\0/\\:"), min_size=1
).filter(lambda name: name not in (".", "..") and not name.startswith("\ufeff"))
photos = st.builds("{}/{}".format, names, names)


@given(
    st.lists(
        st.tuples(photos, photos, st.booleans(), st.integers(0, 99)).filter(
            lambda row: row[0] != row[1]
        ),
        min_size=1,
    )
)
def test_what_is_written_is_read(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("pairs") / "new" / "pairs.txt"
    pairs = Pairs(*zip(*rows, strict=True))
    write_pairs(path, pairs)
    assert read_pairs(path) == pairs
    assert [p.name for p in path.parent.iterdir()] == ["pairs.txt"]


def test_lfw_form_can_be_written_with_paths(tmp_path):
    pairs = read_pairs(write(tmp_path, LFW))
    write_pairs(tmp_path / "b.txt", pairs)
    first = (tmp_path / "b.txt").read_text(encoding="utf-8").splitlines()[0]
    assert first == "Ada/Ada_0001.jpg\tAda/Ada_0004.jpg\t1\t1"
    assert read_pairs(tmp_path / "b.txt") == pairs


@pytest.mark.parametrize(
    ("first", "message"),
    [
        ("Ada/a\tb.jpg", r"'Ada/a\\tb.jpg' holds a tab"),
        ("Ada/a\nb.jpg", "holds a tab, a line break"),
        ("Ada/\udcff.jpg", "no text file can hold: rename"),
        ("\ufeffAda/1.jpg", "no text file can hold: rename"),
        ("../Ada/1.jpg", "expected paths inside the folder of photos"),
        ("", "expected paths inside the folder of photos"),
        ("Ada/2.jpg", "expected two different photos, got 'Ada/2.jpg', 'Ada/2.jpg'"),
    ],
)
def test_what_could_not_be_read_is_not_written(tmp_path, first, message):
    path = write(tmp_path, PATHS)
    with pytest.raises(PairsError, match=message):
        write_pairs(path, Pairs((first,), ("Ada/2.jpg",), (True,), (1,)))
    assert path.read_text(encoding="utf-8") == PATHS
    assert [p.name for p in tmp_path.iterdir()] == ["pairs.txt"]


def test_a_failure_while_writing_leaves_the_old_file(tmp_path, monkeypatch):
    path = write(tmp_path, PATHS)
    pairs = read_pairs(path)

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr("minifacenet.files.atomic.os.fsync", full)
    with pytest.raises(OSError, match="no space left"):
        write_pairs(path, pairs)
    assert path.read_text(encoding="utf-8") == PATHS
    assert [p.name for p in tmp_path.iterdir()] == ["pairs.txt"]


@pytest.mark.parametrize("fold", [-1, 10**9])
def test_a_fold_that_could_not_be_read_is_not_written(tmp_path, fold):
    with pytest.raises(PairsError, match=f"numbered from 0, got {fold}"):
        write_pairs(tmp_path / "pairs.txt", Pairs(("a",), ("b",), (True,), (fold,)))


def test_no_pairs_are_not_written(tmp_path):
    with pytest.raises(PairsError, match="not written, there is no pair"):
        write_pairs(tmp_path / "pairs.txt", Pairs((), (), (), ()))


@pytest.mark.parametrize(
    ("text", "line", "expected", "got"),
    [
        (LFW.replace("Grace\t2\t3", "Grace\t2"), 3, "'name n1 n2' (one person)", r"'Grace\t2'"),
        (LFW.replace("Grace\t2\t3", "Ada\t2\tGrace\t3"), 3, "'name n1 n2' (one person)", "'Ada"),
        (LFW.replace("Ada\t1\t4", "Ada\tone\t4"), 2, "'name n1 n2'", r"'Ada\tone\t4'"),
        (LFW.replace("Ada\t1\t4", "Ada\t-1\t4"), 2, "'name n1 n2'", r"'Ada\t-1\t4'"),
        (LFW.replace("Ada\t1\t4", "Ada\t4\t4"), 2, "two different photos", r"'Ada\t4\t4'"),
        (LFW.replace("Ada\t1\t4", "..\t1\t4"), 2, "paths inside the folder", r"'..\t1\t4'"),
        (
            LFW.replace("Lise\t2\tMaria\t1", "Lise\t2\t1"),
            8,
            "'name1 n1 name2 n2' (two people)",
            r"'Lise\t2\t1'",
        ),
        (LFW.replace("Ada\t2\tGrace", "Ada\t2\t"), 5, "'name1 n1 name2 n2'", r"'Ada\t2\t\t3'"),
        (PATHS.replace("\t0", "\tno"), 2, "<tab>1 (same) or 0'", r"'Ada/1.jpg\tGrace/x.jpg\tno'"),
        (PATHS.replace("\t0", "\t0\t2"), 2, "<tab>1 (same) or 0'", r"x.jpg\t0\t2'"),
        ("a/1\ta/2\t1\t1\nb/1\tb/2\t1\n", 2, "and '<tab>fold'", r"'b/1\tb/2\t1'"),
        ("a/1\ta/2\t1\tone\n", 1, "and '<tab>fold'", r"'a/1\ta/2\t1\tone'"),
        ("\n" + PATHS, 1, "LFW's header, such as '10<tab>300'", "''"),
        (PATHS.replace("\t1", "\t1\n"), 2, "<tab>1 (same) or 0'", "''"),
        (PATHS.replace("Grace/x", "../x"), 2, "paths inside the folder of photos", "'Ada/1.jpg"),
        (PATHS.replace("Ada/1.jpg\tG", "/Ada/1.jpg\tG"), 2, "paths inside the folder", "'/Ada"),
        ("\ta/2\t1\n", 1, "paths inside the folder of photos", r"'\ta/2\t1'"),
        (PATHS.replace("2.png", "1.jpg"), 1, "two different photos", r"'Ada/1.jpg\tAda/1.jpg\t1'"),
    ],
)
def test_a_line_that_does_not_fit_is_quoted(tmp_path, text, line, expected, got):
    path = write(tmp_path, text)
    message = error(path)
    assert message.startswith(f"{path}, line {line}: expected ")
    assert expected in message
    assert got in message.split(", got ", 1)[1]


def test_a_long_line_is_quoted_in_part(tmp_path):
    message = error(write(tmp_path, "x" * 5000))
    assert re.search(r"got \S?x{50,200} ?\.\.\.\S?$", message)


def test_a_missing_file_names_the_path_that_was_tried(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert f"'{tmp_path / 'lists' / 'pairs.txt'}' cannot be opened (No such" in error(
        "lists/pairs.txt"
    )
    assert "cannot be opened" in error(tmp_path)


def test_a_header_that_does_not_fit_the_lines(tmp_path):
    message = error(write(tmp_path, LFW.replace("2\t2", "10\t300")))
    assert r"the header '10\t300' means 10 x 300 same" in message
    assert "6,000 lines, but 8 follow" in message
    assert "2 lines, but 1 follow" in error(write(tmp_path, "1\nAda\t1\t4\n"))
    assert "0 lines, but 0 follow" in error(write(tmp_path, "0\n"))


def test_files_without_pairs(tmp_path):
    assert "the file holds no pair" in error(write(tmp_path, ""))
    assert "the file holds no pair" in error(write(tmp_path, "\n\n"))
    assert "not UTF-8 text" in error(write(tmp_path, LFW, "utf-16"))
