"""Measure how fast a gallery is asked, beside faiss, and what it takes of memory.

    python data_scripts/measure_gallery.py [OUT.csv]
    python data_scripts/measure_gallery.py --naming VECTORS

The first asks a million templates: 200,000 people with five photos each, unit vectors of 128
numbers around a direction per person, by batches of 100 other photos of them. Each round asks one
batch of all sides in turn, on one thread; the table has medians of processor time. faiss is
optional (`pip install faiss-cpu`, into another environment than the package's): its IndexFlatL2 as
it comes, and with the limit set from which it multiplies by BLAS. Memory is that of a process that
loads the gallery and asks it, less what it took before with a tiny one. --templates N takes fewer.

The second says how well people are named without an SVM. VECTORS is what `minifacenet embed` wrote
for LFW's photos. Each draw enrols people with one or three photos each and asks for up to seven
others of each; a thousand people, one photo of each, are strangers, and set the gate so that a
share of 0.01 of them would get a name. All ways are asked for the same photos, and the difference
from the SVM is taken draw by draw.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402  reads the number of threads when it is loaded

from minifacenet import __version__  # noqa: E402
from minifacenet.classification.classifier import FaceClassifier  # noqa: E402
from minifacenet.classification.gallery import Gallery  # noqa: E402
from minifacenet.classification.identification import gate_threshold  # noqa: E402
from minifacenet.classification.mean_directions import rows_of  # noqa: E402
from minifacenet.classification.nearest import Nearest  # noqa: E402
from minifacenet.embedding.store import Embeddings  # noqa: E402
from minifacenet.files.atomic import write_csv  # noqa: E402
from minifacenet.files.texts import Texts  # noqa: E402

DIM, PHOTOS, SPREAD = 128, 5, 0.6
BATCH, ROUNDS, NEAREST = 100, 9, (1, 10)
BY_BLAS = 20  # queries from which faiss multiplies by BLAS, in its earlier versions
SETTINGS = ((100, 1), (100, 3), (300, 1), (300, 3))  # people, photos of each
DRAWS, ASKED, STRANGERS, FAR = 10, 7, 1000, 0.01
MEMORY = """
import sys
import numpy as np
from minifacenet.classification.gallery import Gallery

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if "VmHWM" in line)

tiny = Gallery(np.eye(3, dtype=np.float32), "abc", "abc", "", "")
for one in (tiny, tiny.quantised()):
    one.nearest(np.eye(3, dtype=np.float32))
before = peak()
gallery = Gallery.load(sys.argv[1])
gallery.nearest(gallery.floats(slice(0, 100)), 10)
print(peak() - before)
"""

Asker = Callable[[np.ndarray, int], Any]


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def photos_of(directions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    noise = rng.standard_normal(directions.shape, np.float32) * np.float32(SPREAD / DIM**0.5)
    return unit(directions + noise)


def made(templates: int) -> tuple[Gallery, np.ndarray]:
    """A gallery, and photos to ask it for: one more of some of its people."""
    rng = np.random.default_rng(0)
    people = unit(rng.standard_normal((templates // PHOTOS, DIM), np.float32))
    vectors = np.empty((len(people) * PHOTOS, DIM), np.float32)
    for start in range(0, len(people), 10_000):
        rows = slice(start * PHOTOS, (start + 10_000) * PHOTOS)
        vectors[rows] = photos_of(np.repeat(people[start : start + 10_000], PHOTOS, axis=0), rng)
    asked = rng.integers(len(people), size=BATCH * ROUNDS)
    names = [f"person {row // PHOTOS:06d}" for row in range(len(vectors))]
    paths = [f"{name}/{row % PHOTOS}.jpg" for row, name in enumerate(names)]
    return Gallery(vectors, names, paths, "", ""), photos_of(people[asked], rng)


def sides_of(gallery: Gallery) -> dict[str, tuple[str, Asker]]:
    """What is compared: a version and a function by name."""
    small = gallery.quantised()
    sides: dict[str, tuple[str, Asker]] = {
        "minifacenet, float32": (__version__, lambda queries, k: gallery.nearest(queries, k)),
        "minifacenet, int8": (__version__, lambda queries, k: small.nearest(queries, k)),
    }
    try:
        import faiss  # type: ignore[import-not-found]  # optional, as said above
    except ImportError:
        print("faiss is not installed: measured alone")
        return sides
    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatL2(DIM)
    index.add(gallery.vectors)
    as_it_comes = faiss.cvar.distance_compute_blas_threshold

    def asker(limit: int) -> Asker:
        def ask(queries, k):
            faiss.cvar.distance_compute_blas_threshold = limit
            return index.search(queries, k)[::-1]

        return ask

    sides["faiss-cpu, IndexFlatL2"] = faiss.__version__, asker(as_it_comes)
    sides["faiss-cpu, IndexFlatL2 by BLAS"] = faiss.__version__, asker(BY_BLAS)
    return sides


def times(gallery: Gallery, queries: np.ndarray) -> list[tuple]:
    """Rows of side, version, k, milliseconds of processor time for each query, rounds."""
    sides = sides_of(gallery)
    spent: dict[tuple[str, int], list[float]] = {}
    for number in range(ROUNDS):
        batch = queries[number * BATCH : (number + 1) * BATCH]
        for k in NEAREST:
            answers = {}
            for name, (_, ask) in sides.items():
                start = time.thread_time()
                answers[name] = ask(batch, k)[0]
                spent.setdefault((name, k), []).append(time.thread_time() - start)
            first = answers["minifacenet, float32"]
            differ = {name: int((rows != first).sum()) for name, rows in answers.items()}
            print(f"round {number + 1}, k {k}: other rows than ours in float32: {differ}")
    return [
        (
            name,
            sides[name][0],
            k,
            round(1000 * float(np.median(seconds[1:])) / BATCH, 3),
            ROUNDS - 1,
        )
        for (name, k), seconds in spent.items()  # the first round compiles
    ]


def memory(gallery: Gallery) -> float:
    """The most memory that loading and asking takes, over that of the vectors and names."""
    packed = [Texts.of(texts) for texts in (gallery.people, gallery.paths)]
    texts = [array for it in packed for array in (it.data, it.ends)]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "gallery.safetensors"
        gallery.save(path)
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, path], capture_output=True, text=True, check=True
        )
    return int(done.stdout) * 1024 / sum(array.nbytes for array in (gallery.vectors, *texts))


def tell_speed(templates: int, out: Path | None) -> None:
    gallery, queries = made(templates)
    for name, it in (("float32", gallery), ("int8", gallery.quantised())):
        print(f"memory in {name}: {memory(it):.2f} of vectors and names")
    rows = times(gallery, queries)
    for name, version, k, milliseconds, _ in rows:
        print(f"{name} {version}, k {k}: {milliseconds:.2f} ms for each query")
    if out is not None:
        write_csv(out, ("side", "version", "k", "ms", "rounds"), rows)


def tell_naming(vectors: Path) -> None:
    it = Embeddings.load(vectors)
    _, person = np.unique(it.names, return_inverse=True)
    rows = rows_of(person)
    for people, photos in SETTINGS:
        scores: dict[str, list[tuple[float, float]]] = {}
        for seed in range(DRAWS):
            rng = np.random.default_rng(seed)
            order = rng.permutation(len(rows))
            enough = [one for one in order if len(rows[one]) > photos]
            others = [one for one in order if one not in {*enough[:people]}][:STRANGERS]
            drawn = [rng.permutation(rows[one]) for one in enough[:people]]
            known = np.concatenate([own[:photos] for own in drawn])
            asked = np.concatenate([own[photos : photos + ASKED] for own in drawn])
            strangers = np.array([rng.choice(rows[one]) for one in others])
            for name, namer in namers(it.vectors[known], person[known]).items():
                who, gaps = namer(it.vectors[asked])
                gate = gate_threshold(namer(it.vectors[strangers])[1], FAR)
                right = who == person[asked]
                scores.setdefault(name, []).append((right.mean(), (right & (gaps <= gate)).mean()))
        for name, values in scores.items():
            own, less = np.array(values), np.array(values) - np.array(scores["svm"])
            print(
                f"{people} people, {photos} photos each, {name}: nearest of all {text(own[:, 0])} "
                f"(less the SVM's {text(less[:, 0])}), and within the gate {text(own[:, 1])} "
                f"({text(less[:, 1])})",
                flush=True,
            )


def namers(vectors: np.ndarray, person: np.ndarray) -> dict[str, Callable]:
    """Functions from vectors to the people they are named after and the distances, by name."""

    def by_classifier(svm: bool) -> Callable:
        fitted = FaceClassifier(threshold=4.0, svm=svm).fit(vectors, person)

        def ask(queries):
            answers = fitted.answers(queries)
            return fitted.classes_[answers.person], answers.distance

        return ask

    def by_template(queries):
        rows, gaps = templates.search(queries)
        return person[rows[:, 0]], gaps[:, 0]

    templates = Nearest(vectors)
    return {"svm": by_classifier(True), "mean": by_classifier(False), "template": by_template}


def text(values: np.ndarray) -> str:
    return f"{values.mean():.4f} ± {values.std(ddof=1) / len(values) ** 0.5:.4f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path, nargs="?")
    parser.add_argument("--templates", type=int, default=1_000_000)
    parser.add_argument("--naming", type=Path)
    options = parser.parse_args()
    if options.naming is not None:
        tell_naming(options.naming)
    else:
        tell_speed(options.templates, options.out)


if __name__ == "__main__":
    main()
