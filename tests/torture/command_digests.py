"""Run commands of ours in this process, one after the other, and digest all that they write.

    python -m tests.torture.command_digests FOLDER COMMAND ...

`same_commands` starts it, in surroundings that should change no bit. It prints one line of JSON:
for each command the digests of its files by their paths, or the text of its error.
"""

import hashlib
import json
import os
import random
import re
import sys
import traceback
from pathlib import Path

from minifacenet import cli
from minifacenet.machine.places import where
from minifacenet.preprocessing.mtcnn import FILE

SHORT = "--size 32 --dim 8 --people 3 --photos 3 --seed 3"
TRAIN = f"train faces --out {{out}} {SHORT} --check-every 2 --save-every 3 --held-out 0.4"
# Each reads the folders `faces` and `photos`, and perhaps what one before it has written.
COMMANDS = {
    "pack": "pack faces {out} --size 32",
    "train-packed": f"train pack --out {{out}} {SHORT} --steps 3 --held-out 0",
    "train-adam": TRAIN + " --steps 6 --extra-negatives 1",
    "train-adagrad": TRAIN + " --steps 5 --optimizer adagrad --rate 0.05 --mine-every 2 "
    "--mine-over 12 --mining semi-hard-random --chunk 4",
    "train-bn": TRAIN + " --steps 4 --network nn1_mini_bn --optimizer sgd --rate 0.01 --erase 0.3 "
    "--grey 0.3 --colour 0.1 --average 0.9",
    "train-resnet": TRAIN + " --steps 3 --recipe lfw_long --mining all",
    "train-harmonic": TRAIN + " --steps 4 --harmonic train-adam --mining hardest",
    "run": f"run faces --out {{out}} {SHORT} --photos 2 --steps 4",
    "embed": "embed photos --model train-adam --out {out}/vectors --any-faces",
    "embed-cached": "embed photos --model train-adam --out {out}/vectors --any-faces --cache cache",
    "embed-again": "embed photos --model train-adam --out {out}/vectors --any-faces --cache cache",
    "embed-read-twice": "embed photos --model train-adam --out {out}/vectors --any-faces "
    "--memory 0",
    "embed-quantised": "embed photos --model train-bn --out {out}/vectors --any-faces "
    "--quantised vector",
    "cluster": "cluster photos --model train-adam --any-faces --scale 0.7 --out {out}",
    "fit": "classify fit faces --model train-adam --out {out} --any-faces --threshold 3.9",
    "predict": "classify predict photos --people fit --out {out}/answers.csv --any-faces",
    "gallery-add": "gallery add faces --gallery {out}/kept.safetensors --model train-adam "
    "--any-faces",
    "gallery-search": "gallery search photos --gallery gallery-add/kept.safetensors --model "
    "train-adam --any-faces --threshold 2 --out {out}/nearest.csv",
    "gallery-quantised": "gallery add photos --gallery {out}/kept.safetensors --model train-bn "
    "--quantised --any-faces",
    "verify": "verify faces --model train-resnet --out {out} --any-faces",
    "make-pairs": "make-pairs faces --folds 2 --per-fold 3 --seed 3 --out {out}/pairs.txt",
    "align-cropped": "align photos {out} --already-cropped --size 48",
}  # fmt: skip
DETECTING = {  # these find faces, and take the weights of the detector
    "align": "align photos {out} --size 64 --show",
    "recognise": "recognise photos --known faces --out {out} --model train-adam --threshold 1 "
    "--distance 1 --draw",
}  # fmt: skip
CLOCK = {  # what a file tells of the clock, by its name's end
    "log.csv": rb",[0-9.e-]+(?=\r?\n)",
    "training.html": rb"[0-9.]+ [a-z]+ spent|data-written=.*?</time>"
    rb"|[0-9.,]+</span><small>[0-9.]+ m?s for the last step",
    "album.html": rb'data-date="[^"]*"',
}  # fmt: skip


def commands() -> dict[str, str]:
    """Return those that can be run here."""
    return COMMANDS | (DETECTING if where(Path(FILE).name).is_file() else {})


def digests(folder: Path) -> dict[str, str]:
    """Return a digest of each file below a folder, without what it tells of clock and place."""
    place = os.fsencode(folder.parent)
    found = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        data = path.read_bytes().replace(place, b"")
        for end, told in CLOCK.items():
            if path.name.endswith(end):
                data = re.sub(told, b"", data)
        found[path.relative_to(folder).as_posix()] = hashlib.sha256(data).hexdigest()[:16]
    return found


def run_command(line: str, folder: Path, out: Path, absolute: bool) -> dict[str, str] | str:
    """Run one command, and return the digests of what it wrote; or its error."""
    out.mkdir(exist_ok=True)
    words = line.format(out=out.name).split()
    inputs = {"faces", "photos", "cache", *commands()}
    if absolute:
        words = [
            str(folder / w) if w.partition("/")[0] in inputs - {words[0]} else w for w in words
        ]
    sys.argv = ["minifacenet", *words]
    try:
        cli.main()
    except SystemExit as exit:
        if exit.code:
            return f"exit {exit.code}"
    except BaseException:
        return traceback.format_exc()
    return digests(out)


def listed_in_other_order(seed: int) -> None:
    """Let this process see the entries of a folder in an order that is drawn."""
    listed, scanned, rng = os.listdir, os.scandir, random.Random(seed)

    def shuffled(entries):
        rng.shuffle(entries)
        return entries

    class Scan:
        def __init__(self, *path):
            with scanned(*path) as entries:
                self._entries = iter(shuffled(list(entries)))

        def __iter__(self):
            return self._entries

        def __next__(self):
            return next(self._entries)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.close()

        def close(self):
            pass

    def listdir(*path):
        return shuffled(listed(*path))

    os.listdir, os.scandir = listdir, Scan


def main(folder: Path, names: list[str]) -> None:
    absolute = os.getcwd() != str(folder)
    if order := os.environ.get("TORTURE_LISTING"):
        listed_in_other_order(int(order))
    found = {}
    told = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the commands print goes with their errors
    lines = commands()
    for name in names:
        found[name] = run_command(lines[name], folder, folder / name, absolute)
    print(json.dumps(found), file=told)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
