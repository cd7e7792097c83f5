"""Commands killed as by `kill -9`, at random moments and within writes, and then begun again."""

import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from minifacenet.embedding.checkpoint import load_model
from minifacenet.training.run import began_with, steps_done

from .attack import attack
from .processes import Running, Strike, completed, counted
from .scenes import SCENES, Scene, contents, given
from .whole import half_written

SAVE_EVERY = 2  # of the trainings in scenes.py
TWICE = 0.3  # of the cases: what goes on is killed as well
OTHERS = {".ses"}  # in the folder for temporary files: ONNX Runtime makes it when it is imported
AS_BEFORE = "killed at a random moment or within a write, then begun again: the same bytes"


class Undisturbed:
    """A command that ran to its end: what it wrote, how long it took, how often it wrote.

    It runs twice, since the first time may compile kernels, and takes as long as that.
    """

    def __init__(self, scene: Scene):
        place = given() / "usual"
        for _ in range(2):
            work = made(place)
            command = completed(scene.arguments(work), place / "aside", scene.how)
            assert command.status == 0, command.said
            self.whole, self.names = contents(work), everything(work)
            self.writes, self.seconds = len(command.noted("write")), command.seconds
            shutil.rmtree(place)


@cache
def undisturbed(name: str) -> Undisturbed:
    """Return the undisturbed run of one of SCENES."""
    return Undisturbed(SCENES[name])


def made(place: Path) -> Path:
    """Make the folder of a case, and in it the one that commands work in."""
    work = place / "work"
    work.mkdir(parents=True)
    return work


def everything(work: Path) -> set[str]:
    """Return the names of all files, folders and links, hidden or not."""
    return {path.relative_to(work).as_posix() for path in work.rglob("*")}


def killed(scene: Scene, arguments: tuple, case: Path, rng, usual: Undisturbed) -> Running:
    """Run a command and kill it: half of the times within a write."""
    if rng.random() < 0.5:
        how = ("before", "emptied", "within", "within")[rng.integers(4)]
        strike = Strike(int(rng.integers(1, usual.writes + 1)), how, float(rng.uniform(0, 4e-3)))
        command = Running(arguments, case / "aside", replace(scene.how, strike=strike))
    else:
        command = Running(arguments, case / "aside", scene.how)
        time.sleep(rng.uniform(0, usual.seconds))
        command.kill(group=rng.random() < 0.5)
    command.wait()
    return command


def begun_again(scene: Scene, case: Path) -> tuple[tuple, Running]:
    """Run the same command once more, with the option that it asks for."""
    work, options = case / "work", ()
    for _ in range(3):
        arguments = scene.arguments(work, *options)
        command = completed(arguments, case / "aside", scene.how)
        if command.status == 0:
            break
        asked = [o for o in ("--resume", "--force") if o in command.said]
        if not asked or options:
            break
        options = (asked[0],)
    return arguments, command


def refused(command: Running) -> bool:
    """Whether a command said that what it would write is there.

    It was killed when all was done, or in its first save, between the model and the state.
    """
    return command.status == 1 and any(w in command.said for w in ("not empty", "already"))


def found(scene: Scene, case: Path, rng, usual: Undisturbed) -> str | None:
    """Kill a command, perhaps twice; return what is not as it should be."""
    work = case / "work"
    arguments = scene.arguments(work)
    for number in range(1 + (rng.random() < TWICE)):
        command = killed(scene, arguments, case, rng, usual)
        if number and refused(command):
            break
        if command.status not in (0, -9):
            return f"status {command.status}: {command.said.strip()[-300:]}"
        if not command.left_alone():
            return "a process that it had started was left behind"
        if wrong := half_written(work, usual.whole):
            return f"half-written: {', '.join(wrong)}"
        if arguments[0] == "train" and (lost := steps_lost(work / "out", command)):
            return lost
        if command.status == 0:
            break
        if (work / "out" / "state.safetensors").exists():
            arguments = scene.arguments(work, "--resume")
    again, command = begun_again(scene, case)
    now = contents(work)
    if command.status and not (refused(command) and now == usual.whole):
        return f"again, status {command.status}: {command.said.strip()[-300:]}"
    if now != usual.whole:
        differ = [n for n in {**now, **usual.whole} if now.get(n) != usual.whole.get(n)]
        return f"after {again[0]} {again[-1]} these differ: {', '.join(sorted(differ)[:5])}"
    if strays := everything(work) ^ usual.names:
        return f"left over or gone: {', '.join(sorted(strays)[:5])}"
    strays = {path.name for path in (case / "aside" / "temporary").iterdir()} - OTHERS
    return f"left in the folder for temporary files: {', '.join(strays)}" if strays else None


def steps_lost(out: Path, command: Running) -> str | None:
    """Say if a training's checkpoint does not load, or lacks more than an interval of steps."""
    done = max((int(step) for step in command.noted("step")), default=0)
    if (out / "model.safetensors").exists():
        load_model(out)
    saved = 0
    if (out / "state.safetensors").exists():
        began_with(out)
        saved = steps_done(out)
    return None if saved >= done - SAVE_EVERY else f"step {done} was done, and {saved} is saved"


def _kill(name: str, title: str, what: str, cases: int = 50) -> None:
    scene = SCENES[name]

    @attack("kill", f"kill-{name}", f"{title} {what}", cases)
    def play(cases: int, seed: int, place: Path) -> Iterator[str | None]:
        with counted():
            usual = undisturbed(name)
            for number in range(cases):
                case = place / str(number)
                made(case)
                rng = np.random.default_rng([seed, number])
                wrong = found(scene, case, rng, usual)
                yield None if wrong is None else f"seed {seed}, case {number}: {wrong}"
                shutil.rmtree(case)


RESUMED = (
    "killed at a random moment, within a save or twice, then resumed: no more than an interval is "
    "lost, and weights, state and log are those of an undisturbed run, bit for bit"
)
_kill("train", "`train`", RESUMED)
_kill("train-average", "`train` with an average, AdaGrad, offline mining, augmentation,", RESUMED)
_kill("align", "`align`", AS_BEFORE)
_kill("align-workers", "`align` with two processes", f"{AS_BEFORE}, and no process left", 20)
_kill("run", "`run`", AS_BEFORE)
_kill("recognise", "`recognise`", AS_BEFORE)
_kill("cluster", "`cluster --out`", AS_BEFORE)
_kill("fit", "`classify fit`", AS_BEFORE)
_kill("predict", "`classify predict --out`", AS_BEFORE)
_kill("embed", "`embed`", AS_BEFORE)
_kill("embed-photos", "`embed` of whole photos with a cache", AS_BEFORE)
_kill("gallery", "`gallery add`", AS_BEFORE)
_kill("pack", "`pack`", AS_BEFORE)
_kill("benchmark", "`benchmark`", AS_BEFORE)
_kill("verify", "`verify --out`", AS_BEFORE)
_kill("make-pairs", "`make-pairs`", AS_BEFORE)
_kill("study", "`study jpeg`", AS_BEFORE)
_kill("export", "`export`", AS_BEFORE)
_kill("get", "`get orl --from`", AS_BEFORE)
