"""No option is silently ignored: each reaches a setting, and somebody reads the setting."""

import ast
import inspect
import textwrap
from dataclasses import asdict, fields
from pathlib import Path

import pytest

import minifacenet
from minifacenet import cli
from minifacenet.commands import training as commands
from minifacenet.embedding.architectures import Architecture, FaceNet
from minifacenet.embedding.augmentation import Augmentation
from minifacenet.embedding.checkpoint import save_model
from minifacenet.experiment import run as experiment
from minifacenet.experiment.settings import RunConfig
from minifacenet.training import run as training
from minifacenet.training.settings import TrainConfig, TrainingRunConfig

# Another value than the default: of these options here, of the rest by their types in `other`.
OTHERS = {
    "network": "nn1", "size": 40, "people": 3, "photos": 2, "mining": "hardest",
    "optimizer": "sgd", "credit": "me", "init": "start.safetensors",
    "freeze": "conv1", "harmonic": "start.safetensors", "harmonic_by": "photos",
}  # fmt: skip
OF_A_MODEL = ("--init", "--harmonic")
SETTINGS = (Architecture, TrainConfig, TrainingRunConfig, RunConfig)


def options(command):
    """Those that the command has of its settings, with their defaults."""
    parameters = inspect.signature(command).parameters.values()
    own = command.__code__.co_varnames
    return {one.name: one.default for one in parameters if one.name not in own}


def other(name, default):
    """What to write so that an option has another value."""
    flag = name.replace("_", "-")
    needed = other("harmonic", None) if name == "harmonic_by" else []
    if isinstance(default, bool):
        return [f"--{'no-' * default}{flag}"]
    if isinstance(default, int | float | None) and name not in OTHERS:
        value = default + 0.1 if isinstance(default, float) else (default or 0) + 1
    else:
        assert name in OTHERS, f"give another value of --{flag} in OTHERS"
        value = OTHERS[name]
    return [*needed, f"--{flag}", value]


@pytest.fixture
def settings_of(run, people, tmp_path, monkeypatch):
    """The settings that a command trains with, as {place: value}."""
    seen = []

    def keep(faces, out, config, *_):
        seen.append(config)
        raise InterruptedError

    monkeypatch.setattr(training, "run_training", keep)
    monkeypatch.setattr(experiment, "run", keep)

    monkeypatch.chdir(tmp_path)

    def settings(command, *written):
        if any(flag in written for flag in OF_A_MODEL):
            start = FaceNet.blank(Architecture(size=32, channels=1))
            save_model(OTHERS["init"], start)
        run(command, people, "--out", tmp_path / "out", *written)
        return flat(asdict(seen.pop()))

    return settings


def flat(table, within=""):
    """{'steps': 150, 'architecture.name': ...} for a table of settings that holds tables."""
    places = {}
    for name, value in table.items():
        if isinstance(value, dict):
            places |= flat(value, f"{within}{name}.")
        else:
            places[within + name] = value
    return places


def test_commands_have_the_settings_own_defaults(settings_of):
    assert settings_of("train") == flat(asdict(TrainingRunConfig(Architecture(channels=1))))
    assert settings_of("run") == flat(asdict(RunConfig()))


@pytest.mark.parametrize(
    ("command", "name", "default"),
    [
        (command.__name__, *option)
        for command in (commands.train, commands.run)
        for option in options(command).items()
    ],
)
def test_each_option_changes_its_setting_and_no_other(settings_of, command, name, default):
    before, after = settings_of(command), settings_of(command, *other(name, default))
    places = before.keys() | after.keys()
    changed = {p.split(".")[-1] for p in places if before.get(p, ...) != after.get(p, ...)}
    of_train = {"network": {"name", "size"}}  # another network has photos of another size
    switched = {"augmentation", *vars(Augmentation())}
    older = {"harmonic", "harmonic_digest"}
    elsewhere = {"augment": switched, "harmonic": older, "harmonic_by": {*older, "harmonic_by"}}
    elsewhere |= of_train if command == "train" else {}
    assert changed == elsewhere.get(name, {name})


def callbacks(app):
    """The functions of all commands, those of the groups among them."""
    found = [app.registered_callback, *app.registered_commands]
    yield from (one.callback for one in found if one)
    for group in app.registered_groups:
        yield from callbacks(group.typer_instance)


def taken_and_named(function):
    """The parameters of a function, and the names in its body."""
    definition = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    body = ast.Module(definition.body, [])
    names = {node.id for node in ast.walk(body) if isinstance(node, ast.Name)}
    return definition.args, names


def unused(command):
    """The parameters that a command takes and never looks at."""
    arguments, names = taken_and_named(command)
    missing = {one.arg for one in (*arguments.args, *arguments.kwonlyargs)} - names
    helpers = [command.__globals__.get(name) for name in names if name.startswith("_")]
    for helper in filter(inspect.isfunction, helpers):  # that it hands its context to
        names |= taken_and_named(helper)[1]
    if arguments.kwarg and "with_options" not in names:
        missing.add(f"**{arguments.kwarg.arg}")
    return missing


@pytest.mark.parametrize("command", [*callbacks(cli.app)], ids=lambda command: command.__name__)
def test_a_command_looks_at_all_that_it_takes(command):
    assert unused(command) <= {"version"}  # --version has a callback of its own


def test_somebody_reads_every_setting():
    read = set()
    for path in Path(minifacenet.__file__).parent.rglob("*.py"):
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        attributes = (node for node in nodes if isinstance(node, ast.Attribute))
        read |= {
            node.attr
            for node in attributes
            if not (path.name == "settings.py" and getattr(node.value, "id", None) == "self")
        }
    unread = {field.name for settings in SETTINGS for field in fields(settings)} - read
    assert not unread, f"nothing in the package reads {sorted(unread)}"


@pytest.mark.parametrize("settings", SETTINGS[:3], ids=lambda settings: settings.__name__)
def test_a_class_of_settings_says_what_each_means(settings):
    described = {
        name.strip()
        for line in inspect.getdoc(settings).splitlines()
        if not line.startswith(" ")
        for name in line.partition(" : ")[0].split(",")
    }
    undescribed = {field.name for field in fields(settings)} - described
    assert not undescribed, f"the docstring of {settings.__name__} lacks {sorted(undescribed)}"
