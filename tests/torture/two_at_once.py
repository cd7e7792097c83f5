"""Two processes with one place to write to: never is what they write mixed."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from .attack import attack
from .disk import complaint, rounds, with_room
from .kill import everything, made
from .processes import Running, completed, counted
from .scenes import SCENES, Scene, contents


def one_after_the_other(scene: Scene, place: Path) -> list[dict[str, bytes]]:
    """Return what may stand there: the results of each, alone or after the other."""
    good = []
    for first in (False, True):
        work = made(place)
        completed(scene.arguments(work, other=first), place / "aside", scene.how)
        good.append(contents(work))
        again = scene.arguments(work, *["--force"] * scene.force, other=not first)
        if completed(again, place / "aside", scene.how).status == 0:
            good.append(contents(work))
        shutil.rmtree(place)
    return good


@attack(
    "disk", "disk-two-at-once",
    "two processes of one command with one place to write to, half of them with other photos or "
    "seeds and with `--force`: one is refused in one line, or both are well, and nothing is mixed",
    114,
)  # fmt: skip
def two(cases: int, seed: int, place: Path) -> Iterator[str | None]:
    known: dict[int, list[dict[str, bytes]]] = {}
    with counted():
        for label, scene, usual, case, rng in rounds(cases, seed, place, [*SCENES]):
            work, other = case / "work", bool(rng.random() < 0.5)
            if other and id(scene) not in known:
                known[id(scene)] = one_after_the_other(scene, place / "sequence")
            good = known[id(scene)] if other else [usual.whole]
            options = ["--force"] * (scene.force and other)
            both = []
            for second in (False, other):
                arguments = scene.arguments(work, *options, other=second)
                both.append(Running(arguments, case / f"aside{len(both)}", scene.how))
                if len(both) == 1:
                    time.sleep(rng.choice([0.0, rng.uniform(0, usual.seconds)]))
            for command in both:
                command.wait()
            wrong = next(filter(None, (complaint(command, work) for command in both)), None)
            statuses = [command.status for command in both]
            said = " | ".join(command.said.strip()[-200:] for command in both)
            if 0 not in statuses:
                wrong = f"both failed: {said}"
            elif contents(work) not in good:
                wrong = f"mixed, with statuses {statuses}: {said}"
            elif left := [name for name in everything(work) if ".minifacenet" in name]:
                wrong = f"left over: {', '.join(left)}"
            yield wrong and f"{label}: {wrong}"


@attack(
    "disk", "disk-stopped",
    "a command held in the middle (SIGSTOP) while the same is begun a second time, and then "
    "killed: the second is refused in one line or is well, and no lock keeps the third one out",
    57,
)  # fmt: skip
def stopped(cases: int, seed: int, place: Path) -> Iterator[str | None]:
    with counted():
        for label, scene, usual, case, rng in rounds(cases, seed, place, [*SCENES]):
            work = case / "work"
            first = Running(scene.arguments(work), case / "first", scene.how)
            time.sleep(rng.uniform(0, usual.seconds))
            os.kill(first.pid, signal.SIGSTOP)
            second = completed(scene.arguments(work), case / "aside", scene.how)
            wrong = complaint(second, work)
            first.kill(group=True)
            first.wait()
            wrong = wrong or with_room(scene, case, usual)
            yield wrong and f"{label}: {wrong}"
