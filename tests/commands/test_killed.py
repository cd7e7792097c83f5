"""Commands killed before one of their writes: the same command again ends as if nothing had been.

A forked child runs the command; an audit hook in it kills it, as `kill -9` does, before its n-th
write, or within it: a file that is opened to be written anew is empty by then. What takes threads
is replaced: a forked child has none of its parent's.
"""

import os
import signal
import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from minifacenet import cli, plots
from minifacenet.classification import identification, near_pairs, nearest, verification
from minifacenet.commands import classify as naming
from minifacenet.commands import embeddings, galleries, pairs
from minifacenet.console import names as answers
from minifacenet.embedding.architectures import Architecture, FaceNet
from minifacenet.embedding.checkpoint import save_model
from minifacenet.files.atomic import write_text

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows does not fork")


def without_threads(monkeypatch):
    """Let searches for near faces do without kernels of several threads."""

    def neighbours(self, limit, most, progress=None):
        products = self.scaled @ self.scaled.T
        distances = self.squares[:, None] + self.squares - 2 * products
        near = np.tril(distances <= limit / self.unit**2 + self.slack, -1)
        pairs = np.argwhere(near).astype(np.int32)
        return near_pairs.Neighbours(*near_pairs._listed(pairs, len(near)))

    def search(self, queries, k=1, progress=None):
        return nearest.nearest_reference(self.vectors, queries, k)

    monkeypatch.setattr(near_pairs.Space, "neighbours", neighbours)
    monkeypatch.setattr(nearest.Nearest, "search", search)


@pytest.fixture
def model(tmp_path, monkeypatch):
    """The file of a network without training; embeddings are drawn, and pictures are empty."""

    def embedded(embedder, data, cache):
        vectors = np.random.default_rng(0).normal(size=(len(data), 8)).astype(np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def pair_distances(vectors, labels):
        i, j = np.triu_indices(len(labels), 1)
        return np.square(vectors[i] - vectors[j]).sum(axis=1), labels[i] == labels[j]

    without_threads(monkeypatch)
    for module in (embeddings, galleries, naming, pairs):
        monkeypatch.setattr(module, "embedded", embedded)
    monkeypatch.setattr(verification, "pair_distances", pair_distances)
    monkeypatch.setattr(identification, "stranger_distances", lambda *_, **__: np.ones(3))
    checked = SimpleNamespace(rejected=0)
    monkeypatch.setattr(identification, "cross_validate", lambda *_, **__: checked)
    monkeypatch.setattr(answers, "tell_enrolment", lambda *_: None)
    monkeypatch.setattr(plots, "save", lambda axes, path: write_text(path, "picture"))
    path = tmp_path / "model.safetensors"
    save_model(path, FaceNet.new(Architecture("nn1_mini", 32, 1, 8)), {"step": 1})
    return path


def killed(arguments, place, number):
    """Whether a child that ran the command was killed, before write `number` at or below `place`;
    otherwise it had fewer writes, and has ended well."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the parent's threads
        child = os.fork()
    if child == 0:
        left = [number]

        def hook(event, given):
            write = event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir") or (
                event == "open" and given[2] & (os.O_WRONLY | os.O_RDWR)
            )
            if write and str(given[0]).startswith(str(place)):
                left[0] -= 1
                if not left[0]:
                    if event == "open" and given[2] & os.O_TRUNC:
                        open(given[0], "wb").close()
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        sys.argv = ["minifacenet", *map(str, arguments)]
        try:
            cli.main()
        except SystemExit as end:
            os._exit(end.code or 0)
        finally:
            os._exit(1)
    status = os.waitpid(child, 0)[1]
    assert status in (0, signal.SIGKILL)
    return status != 0


def contents(place):
    return {
        p.relative_to(place).as_posix(): p.read_bytes() for p in place.rglob("*") if p.is_file()
    }


def half_written(place, whole):
    """Files in sight that are not as a command that ran to its end has left them."""
    seen = {n: c for n, c in contents(place).items() if not n.startswith(".") and "/." not in n}
    return [name for name, content in seen.items() if content != whole.get(name)]


COMMANDS = {  # with the step from one kill to the next: cluster copies 30 photos
    "embed": (("embed", "PEOPLE", "--model", "MODEL", "--out"), 2),
    "cluster": (("cluster", "PEOPLE", "--model", "MODEL", "--distance", 1, "--out"), 9),
    "fit": (("classify", "fit", "PEOPLE", "--model", "MODEL", "--threshold", 1, "--out"), 2),
    "gallery": (("gallery", "add", "PEOPLE", "--model", "MODEL", "--gallery"), 2),
    "verify": (("verify", "PEOPLE", "--model", "MODEL", "--out"), 3),
    "make-pairs": (("make-pairs", "PEOPLE", "--folds", 2, "--per-fold", 5, "--out"), 2),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_same_command_ends_as_if_it_had_not_been_killed(run, people, model, tmp_path, name):
    arguments, step = COMMANDS[name]
    arguments = [{"PEOPLE": people, "MODEL": model}.get(given, given) for given in arguments]
    place = tmp_path / "whole"
    place.mkdir()
    assert run(*arguments, place / "out")[0] == 0
    whole, number, left = contents(place), 1, 0
    while True:
        place = tmp_path / str(number)
        place.mkdir()
        if not killed((*arguments, place / "out"), place, number):
            break
        assert half_written(place, whole) == []
        left += any(path.name.startswith(".") for path in place.rglob("*"))
        status, _, error = run(*arguments, place / "out")
        if status and name == "cluster":  # it has no --force: it was killed when all was written
            assert "is not empty: choose a new folder for the groups" in error
        elif status:
            assert "--force" in error
            # A copy of the model alone, which a killed one left, is no reason.
            assert name != "fit" or (place / "out" / "people.safetensors").exists()
            assert run(*arguments, place / "out", "--force")[0] == 0
        assert contents(place) == whole
        assert not [path for path in place.rglob("*") if path.name.startswith(".")]
        number += step
    assert number > step
    assert left
