"""Planted faults are found, whichever driver there is; and what is damaged keeps to its form."""

import os
import signal
from contextlib import closing
from dataclasses import replace
from io import BytesIO
from random import Random

import pytest
from PIL import Image

from . import fuzzing
from .forms import chunks_of, mutated_photo, mutated_png, png_of
from .fuzz_archives import mutated_zip, tars, zips
from .fuzz_child import Memory, outcome
from .fuzz_photos import of_all_kinds
from .fuzz_weights import checkpoints, mutated_checkpoint, mutated_protobuf, networks
from .fuzzing import READERS, Reader, playing
from .mutations import json_text, mutated, mutated_json

FAULTS = (b"dies", b"hangs", b"grows", b"asks", b"raises", b"wrong", b"lines")


def read(data):
    """Break in the way that the first bytes say."""
    if data.startswith(b"dies"):
        os.kill(os.getpid(), signal.SIGSEGV)
    if data.startswith(b"hangs"):
        while True:
            pass
    if data.startswith(b"grows"):
        bytearray(2**25)
    if data.startswith(b"asks"):
        try:
            bytes(2**45)
        except MemoryError:
            raise ValueError("it does not fit into memory") from None
    if data.startswith(b"raises"):
        raise KeyError("raises")
    if data.startswith(b"wrong"):
        assert not data
    if data.startswith(b"lines"):
        raise ValueError("two\nlines")
    if data.startswith(b"refused"):
        raise ValueError("refused")


PLANTED = Reader(
    name="planted",
    what="faults that are there",
    read=read,
    seeds=lambda: [*FAULTS, b"refused", b"read"],
    errors=(ValueError,),
    guided_by=(__name__,),
    memory=2**24,
    seconds=0.2,
)
READERS["planted"] = PLANTED


def clumsy(data, rng, inner):
    raise TypeError("a fault of the attack")


CLUMSY = replace(PLANTED, name="clumsy", seeds=lambda: [b"read"], mutate=clumsy)
READERS["clumsy"] = CLUMSY


@pytest.mark.full  # it dies and begins again
def test_each_planted_fault_is_found_and_kept(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fuzzing, "KEPT", tmp_path / "kept")
    (tmp_path / "place").mkdir()
    found = [line for line in playing(PLANTED)(24, 0, tmp_path / "place") if line]
    for words in (
        "killed by SIGSEGV", "killed by SIGPROF", "took 32 MiB, may take 16",
        "asked for more memory than there may be", "KeyError: \"'raises'\"", "AssertionError",
        "ValueError with a message of 9 characters, 'two\\nlines'",
    ):  # fmt: skip
        assert any(line.startswith(words) for line in found), words
    files = {line.rpartition(" --again ")[2] for line in found}
    kept = {path.read_bytes() for path in (tmp_path / "kept").iterdir()}
    assert len(files) == len(kept) >= len(FAULTS)
    assert {data[:4] for data in kept} == {fault[:4] for fault in FAULTS}
    assert "refused" in capsys.readouterr().out


@pytest.mark.parametrize("fault", FAULTS[2:])
def test_an_outcome_says_what_failed(fault):
    accepted, failure, _ = outcome(PLANTED, fault)
    assert accepted == (fault == b"grows")
    assert bool(failure) == (fault != b"grows")


def test_memory_is_measured_for_each_case():
    with closing(Memory()) as memory:
        kept = b"x" * 2**25
        if memory.grown():  # where there is /proc
            assert memory.grown() > len(kept) / 2
            memory.reset()
            assert memory.grown() < 2**20


def test_mutations_come_from_the_seed_alone():
    data, value = bytes(range(200)), {"a": [1, {"b": "text"}]}
    for seed in range(50):
        assert mutated(data, Random(seed)) == mutated(data, Random(seed))
        one, other = (json_text(mutated_json(value, rng), rng) for rng in map(Random, (seed, seed)))
        assert one == other
    assert len({mutated(data, Random(seed)) for seed in range(50)}) > 40


def test_damaged_pngs_keep_their_checksums():
    stream = BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "PNG")
    data = stream.getvalue()
    assert png_of(chunks_of(data)) == data
    for seed in range(100):
        made = mutated_png(data, Random(seed), lambda part: part + b"!")
        assert made != data or seed
        assert png_of(chunks_of(made)) == made


@pytest.mark.parametrize(
    ("seeds", "mutate"),
    [
        (of_all_kinds, mutated_photo), (checkpoints, mutated_checkpoint), (zips, mutated_zip),
        (networks, mutated_protobuf), (tars, READERS["fuzz-tar"].mutate),
    ],
)  # fmt: skip
def test_what_is_damaged_again_and_again_stops_nobody(seeds, mutate):
    rng = Random(0)
    for data in seeds()[:20]:
        for _ in range(15):
            data = mutate(data, rng, lambda part: mutated(part, rng)) or mutated(data, rng)
            assert isinstance(data, bytes)


@pytest.mark.full
def test_a_mutation_that_fails_ends_it_with_the_reason(tmp_path):
    with pytest.raises(RuntimeError, match="a fault of the attack"):
        [*playing(CLUMSY)(100, 0, tmp_path)]
