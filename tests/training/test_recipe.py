"""Recipes: settings of a training as a file of options."""

import pytest

from minifacenet.files.stored import with_options
from minifacenet.training.recipe import defaults, read_recipe, recipe_names
from minifacenet.training.settings import TrainingRunConfig
from tests.conftest import text


def test_those_that_come_along_can_be_read():
    assert "lfw" in recipe_names()
    for name in recipe_names():
        assert read_recipe(name)["network"]


def test_the_defaults_are_those_of_the_settings():
    assert with_options(TrainingRunConfig(), defaults()) == TrainingRunConfig()


def test_a_file_says_what_is_not_as_usual(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('network = "nn2"\nsteps = 7\nrate = 0.01\naugment = false\n')
    config = with_options(TrainingRunConfig(), defaults() | read_recipe(path))
    assert (config.architecture.name, config.architecture.size) == ("nn2", 224)
    assert (config.training.steps, config.training.rate) == (7, 0.01)
    assert config.training.augmentation is None
    assert config.training.margin == TrainingRunConfig().training.margin


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("stps = 3", "no option 'stps': is steps meant"),
        ("check-every = 3", "no option 'check-every': is check_every meant"),
        ("hue = 3", "no option 'hue': there are network, size"),
        ("steps = 'many'", "mine.toml: steps must be a whole number, got 'many'"),
        ("steps = 0", "mine.toml: steps must be at least 1, got 0"),
        ("network = 'nn7'", "mine.toml: unknown network 'nn7'"),
        ("steps = ", "cannot be read"),
        ("augment = 'off'", "mine.toml: augment must be true or false, got 'off'"),
        ("[augment]\nturn = 2", "mine.toml: augment must be true or false, got {'turn': 2}"),
        ("steps = " + "9" * 60, "mine.toml: steps must be a whole number, got 9"),
        ("steps = " + "[" * 5000, "mine.toml cannot be read .it is nested too deeply"),
        ("[training]\nsteps = 3", "no option 'training'"),
        (b"\xff\xfe", "cannot be read"),
    ],
)
def test_a_recipe_that_cannot_be_followed_is_one_line(tmp_path, content, message):
    path = tmp_path / "mine.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=message) as error:
        read_recipe(path)
    assert "mine.toml" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_name_with_a_typo(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="no recipe 'lwf': is 'lfw' meant"):
        read_recipe("lwf")
    with pytest.raises(ValueError, match="no recipe 'x': name a file, or one of lfw"):
        read_recipe("x")


def test_train_follows_it_but_for_what_is_on_the_command_line(run, people, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("network = 'nn1_mini'\nsize = 32\nsteps = 9\nphotos = 3\nheld_out = 0\n")
    out = tmp_path / "out"
    status, printed, _ = run("train", people, "--out", out, "--recipe", path, "--steps", 2)
    assert status == 0
    assert "steps 9, photos 3" in text(printed)
    assert "Trained 2 steps" in text(printed)
    assert '"photos": 3' in (out / "config.json").read_text()
    status, _, error = run("train", people, "--out", out, "--resume", "--recipe", path)
    assert status == 1
    assert "no --recipe" in error
