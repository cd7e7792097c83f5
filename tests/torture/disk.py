"""Disks without room, quotas, folders that may not be written to."""

import math
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from .attack import attack
from .kill import Undisturbed, begun_again, everything, made, refused, steps_lost, undisturbed
from .processes import Running, completed, counted
from .scenes import SCENES, contents
from .whole import half_written

SMALLEST, ENOUGH = 2000, 2**26  # bytes
MESSAGE = "each failure is one line that names the file"


def complaint(command: Running, work: Path) -> str | None:
    """Say what is wrong with a failure: it should be one line about something in `work`."""
    if command.status == 0:
        return None
    errors = [line for line in command.said.splitlines() if line.startswith("error: ")]
    good = command.status == 1 and len(errors) == 1 and str(work) in errors[0]
    if good and "Traceback" not in command.said and ".minifacenet" not in errors[0]:
        return None
    return f"status {command.status}, and not one line that names a file: {command.said[-400:]}"


def rounds(cases: int, seed: int, place: Path, names: list[str]) -> Iterator[tuple]:
    """Give each case its command, in turn, with its undisturbed run, a folder and a generator."""
    for number in range(cases):
        name = names[number % len(names)]
        case = place / str(number)
        made(case)
        rng = np.random.default_rng([seed, number])
        yield f"seed {seed}, case {number}, {name}", SCENES[name], undisturbed(name), case, rng
        shutil.rmtree(case, ignore_errors=True)


def after_failure(scene, case: Path, usual: Undisturbed, command: Running) -> str | None:
    """Say what a command that found no room has left wrong."""
    work = case / "work"
    if wrong := complaint(command, work):
        return wrong
    if wrong := half_written(work, usual.whole):
        return f"half-written: {', '.join(wrong)}"
    if scene is SCENES["train"] and (lost := steps_lost(work / "out", command)):
        return lost
    left = [name for name in everything(work) if ".minifacenet" in name]
    return f"left over: {', '.join(left)}" if left else None


def with_room(scene, case: Path, usual: Undisturbed) -> str | None:
    """Say what is wrong when there is room again."""
    again, command = begun_again(scene, case)
    now = contents(case / "work")
    if command.status and not (refused(command) and now == usual.whole):
        return f"with room, status {command.status}: {command.said[-400:]}"
    if now != usual.whole or everything(case / "work") != usual.names:
        both = {*now, *usual.whole}
        differ = sorted(n for n in both if now.get(n) != usual.whole.get(n))
        return f"with room, after {again[0]} {again[-1]} these differ: {', '.join(differ[:5])}"
    return None


def between(rng, smallest: float, largest: float) -> int:
    """Draw a size: each power of ten is as likely as another."""
    return round(math.exp(rng.uniform(math.log(smallest), math.log(largest))))


@attack(
    "disk", "disk-limit",
    "commands that write, under a limit for the size of files: " + MESSAGE
    + ", nothing is half-written, and with room the same command gives the same bytes",
    114,
)  # fmt: skip
def limited(cases: int, seed: int, place: Path) -> Iterator[str | None]:
    with counted():
        for label, scene, usual, case, rng in rounds(cases, seed, place, [*SCENES]):
            largest = between(rng, 100, max(map(len, usual.whole.values())))
            arguments = scene.arguments(case / "work")
            command = completed(arguments, case / "aside", replace(scene.how, largest=largest))
            wrong = after_failure(scene, case, usual, command) or with_room(scene, case, usual)
            yield wrong and f"{label}, {largest} bytes: {wrong}"


@contextmanager
def small_disk(work: Path, size: int, files: int | None = None) -> Iterator[None]:
    """Let `work` be a disk of its own, of `size` bytes and so many `files`.

    Raises
    ------
    PermissionError
        Only root may mount one.
    """
    options = f"size={size},mode=755" + ("" if files is None else f",nr_inodes={files}")
    _mount("-t", "tmpfs", "-o", options, "tmpfs", str(work))
    try:
        yield
    finally:
        subprocess.run(["umount", str(work)], check=True)


def resized(work: Path, options: str) -> None:
    """Change the options of a disk that `small_disk` has made."""
    _mount("-o", f"remount,{options}", str(work))


def _mount(*words: str) -> None:
    done = subprocess.run(["mount", *words], capture_output=True, text=True)
    if done.returncode:
        raise PermissionError(f"small disks are tried by root on Linux only: {done.stderr.strip()}")


@attack(
    "disk", "disk-full",
    "commands that write, on a disk (tmpfs) of a random size, or with room for few files: "
    + MESSAGE + ", nothing is half-written, and with room the same command gives the same bytes",
    114,
)  # fmt: skip
def full(cases: int, seed: int, place: Path) -> Iterator[str | None]:
    with counted():
        for label, scene, usual, case, rng in rounds(cases, seed, place, [*SCENES]):
            size = between(rng, SMALLEST, sum(map(len, usual.whole.values())) + 2**16)
            files = int(rng.integers(2, len(usual.names) + 8)) if rng.random() < 0.3 else None
            if files is not None:
                size = ENOUGH
            work = case / "work"
            with small_disk(work, size, files):
                command = completed(scene.arguments(work), case / "aside", scene.how)
                wrong = after_failure(scene, case, usual, command)
                resized(work, f"size={ENOUGH},nr_inodes=9999")
                wrong = wrong or with_room(scene, case, usual)
            yield wrong and f"{label}, {size} bytes, {files} files: {wrong}"


@attack(
    "disk", "disk-quota",
    "commands that write, begun again and again while the disk grows from a few kilobytes: "
    + MESSAGE + ", and at the end stand the bytes of a run that had room",
    38,
)  # fmt: skip
def quota(cases: int, seed: int, place: Path) -> Iterator[str | None]:
    with counted():
        for label, scene, usual, case, rng in rounds(cases, seed, place, [*SCENES]):
            work, size, wrong = case / "work", SMALLEST, None
            most = 2 * sum(map(len, usual.whole.values())) + 2**17
            with small_disk(work, size):
                while size < most and not wrong:
                    size = min(most, round(size * rng.uniform(2, 6)))
                    resized(work, f"size={size}")
                    _, command = begun_again(scene, case)
                    if command.status == 0 or refused(command):
                        continue  # to see that a larger disk changes nothing
                    wrong = after_failure(scene, case, usual, command)
                wrong = wrong or with_room(scene, case, usual)
            yield wrong and f"{label}, {size} bytes: {wrong}"


@attack(
    "disk", "disk-read-only",
    "commands that write, where the user may not: into a folder, beside it, over files, on a disk "
    "that takes no writes: one line names the place, and nothing changes",
    76,
)  # fmt: skip
def read_only(cases: int, seed: int, place: Path) -> Iterator[str | None]:
    with counted():
        place.chmod(0o755)
        for label, scene, _, case, rng in rounds(cases, seed, place, [*SCENES]):
            work, way = case / "work", int(rng.integers(4))
            for folder in (case, work):
                folder.chmod(0o755)
            with small_disk(work, ENOUGH):
                arguments, how = scene.arguments(work), replace(scene.how, nobody=True)
                if way == 1:
                    (work / "out").mkdir()
                elif way == 2:
                    completed(arguments, case / "aside", scene.how)
                    arguments += ("--force",) * scene.force
                elif way == 3:
                    resized(work, "ro")
                    how = scene.how
                before = contents(work), everything(work)
                command = completed(arguments, case / "aside", how)
                wrong = complaint(command, work)
                if command.status == 0 and way != 2:
                    wrong = "status 0"
                if (contents(work), everything(work)) != before:
                    wrong = f"it has changed something; {wrong or command.said[-200:]}"
            yield wrong and f"{label}, way {way}: {wrong}"
