"""`minifacenet train` as a user meets it: the plan, the files, going on, and every wrong input."""

import json
import re

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

from minifacenet.embedding.architectures import FaceNet
from minifacenet.files import atomic as files
from minifacenet.files.arrays import load_arrays, load_metadata
from minifacenet.machine import gpu
from minifacenet.training import loop, plan
from minifacenet.training import run as training_run

QUICK = ("--steps", 4, "--people", 3, "--photos", 2, "--size", 32, "--save-every", 2)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "run"


@pytest.fixture
def trained(run, people, out):
    assert run("train", people, "--out", out, *QUICK)[0] == 0
    return out


def line(error):
    """The one line of an error, without the terminal's line breaks."""
    assert error.count("error:") == 1
    assert len(error.splitlines()) == 1
    return error


def test_a_training_tells_what_it_did_and_what_it_wrote(run, people, out):
    status, printed, _ = run("train", people, "--out", out, *QUICK)
    assert status == 0
    assert "30 photos of 5 people, 1 skipped" in printed
    assert re.search(r"Trained 4 steps: \w+ \(spread [0-9.]+", printed)
    assert re.search(r"Kept the model of step 4: VAL [01]\.\d+ at FAR 0\.01", printed)
    for name in (
        "model.safetensors",
        "state.safetensors",
        "log.csv",
        "checks.csv",
        "training.png",
        "config.json",
        "training.html",
    ):
        assert name in printed
        assert (out / name).exists()
    assert printed.count("Watch it in a browser") == 1
    page = (out / "training.html").read_text(encoding="utf-8")
    assert re.search(r"<title>100 % run: finished</title>", page)
    assert "Kept the model of step 4: VAL" in page


def test_a_file_has_no_empty_lines_where_a_terminal_has_bars(run, people, out):
    printed = run("train", people, "--out", out, *QUICK)[1]
    assert "" not in printed.splitlines()


def test_a_plan_changes_nothing_and_names_batches_memory_and_time(run, people, out):
    status, printed, _ = run("train", people, "--out", out, *QUICK, "--plan", "--chunk", 4)
    assert status == 0
    assert not out.exists()
    text = " ".join(printed.split())
    assert "kernels are compiled before" in text
    assert "training on 18 photos of 3 people, 6 each" in text
    assert "held out 12 photos, asked at the end" in text
    assert "3 people with up to 2 photos: up to 6 photos, 6 anchor-positive pairs" in text
    assert "in chunks 2 of 4 photos, each twice a step" in text
    assert re.search(r"memory about \d+ MiB beside Python itself", text)
    assert re.search(r"time about [\d.]+ s on this machine", text)


def test_a_plan_for_a_gpu_says_whose_figures_it_tells(run, people, out, monkeypatch):
    monkeypatch.setattr(gpu, "choose_device", lambda asked: "cuda")
    status, printed, _ = run("train", people, "--out", out, *QUICK, "--plan")
    assert status == 0
    assert "Memory and times are the CPU's" in printed


@pytest.mark.parametrize(
    ("steps", "asked"), [(2, "asked at the end"), (4, "every 2 steps"), (5, "and at the end")]
)
def test_a_plan_says_when_the_held_out_are_asked(run, people, out, monkeypatch, steps, asked):
    planned, real = [], plan.plan
    monkeypatch.setattr(plan, "plan", lambda *given: planned.append(given[3]) or real(*given))
    options = (*QUICK, "--plan", "--check-every", 2, "--steps", steps)
    printed = run("train", people, "--out", out, *options)[1]
    held_out = re.search(r"held out .* photos, (.*?) *\n", printed)[1]
    assert held_out.endswith(asked)
    assert planned == [(steps + 1) // 2]  # checks: every second step, and the last


def test_a_plan_names_people_with_few_photos_and_offline_mining(run, people, tmp_path):
    few = tmp_path / "few"
    for count, name in enumerate(("Ada", "Grace", "Lise"), start=1):
        (few / name).mkdir(parents=True)
        for number in range(count):
            photo = (people / name / f"{number}.png").read_bytes()
            (few / name / f"{number}.png").write_bytes(photo)
    options = ("--out", tmp_path / "o", "--size", 32, "--plan", "--mine-every", 5)
    status, printed, _ = run("train", few, *options)
    text = " ".join(printed.split())
    assert status == 0
    assert "3 people have fewer than 5 photos and give all of them; 1 with one photo" in text
    assert "held out nobody" in text
    assert "semi-hard over 6 photos every 5 steps; up to 6 photos a batch" in text


def test_batch_is_p_times_k(run, people, out):
    wrong = ("train", people, "--out", out, "--size", 32, "--plan", "--batch")
    text = " ".join(run(*wrong, 6, "--photos", 2)[1].split())
    assert "3 people with up to 2 photos: up to 6 photos" in text
    _, _, error = run(*wrong, 7, "--photos", 2)
    assert "7 photos does not divide into two people or more with 2 each: take 6 or 8" in line(
        error
    )
    for batch in (4, 5):
        _, _, error = run(*wrong, batch, "--photos", 5)
        assert f"a batch of {batch} photos" in line(error)
        assert "take 10 or 15" in error
    _, _, error = run(*wrong, 8, "--photos", 2, "--people", 3)
    assert "3 people x 2 photos are 6, not a --batch of 8" in line(error)


def test_resume_needs_no_options_and_is_offered(run, people, trained):
    before = (trained / "state.safetensors").read_bytes()
    status, _, error = run("train", people, "--out", trained, *QUICK)
    assert status == 1
    assert "holds a training: --resume goes on with it, --force begins anew" in line(error)
    status, printed, _ = run("train", people, "--out", trained, "--resume")
    assert status == 0
    assert "finished before: nothing was left to do" in printed
    assert "Trained 4 steps" in printed
    assert (trained / "state.safetensors").read_bytes() == before


def test_a_folder_with_brackets_is_printed_as_it_is(run, people, tmp_path):
    odd = tmp_path / "o[old]"
    status, printed, _ = run("train", people, "--out", odd, *QUICK)
    assert status == 0
    assert "o[old]" in printed.replace("\n", "")


def test_run_and_train_do_not_overwrite_each_other(run, people, trained):
    status, _, error = run("run", people, "--out", trained)
    assert status == 1
    assert "holds a run already" in line(error)


@pytest.mark.full
def test_by_force_each_takes_the_folder_over_whole(run, people, trained):
    quick = ("--steps", 2, "--size", 32)
    assert run("run", people, "--out", trained, *quick, "--force")[0] == 0
    assert not (trained / "state.safetensors").exists()
    assert run("train", people, "--out", trained, *quick, "--force")[0] == 0
    assert not (trained / "metrics.json").exists()
    assert run("train", people, "--out", trained, "--resume")[0] == 0


def test_resume_without_a_training(run, people, out):
    _, _, error = run("train", people, "--out", out, "--resume")
    assert "holds no training to go on with" in line(error)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--margin", 0.3), r"training\.margin: 0\.2 -> 0\.3"),
        (("--steps", 9), r"training\.steps: 4 -> 9"),
        (("--network", "nn1", "--size", 32), r"architecture\.name: 'nn1_mini' -> 'nn1'"),
        (("--dim", 8), r"architecture\.dim: 128 -> 8"),
        (("--no-augment",), r"training\.augmentation: \{.*\.\.\. -> None"),
        (("--held-out", 0.5), r"held_out: 0\.2 -> 0\.5"),
        (("--people", 40), r"training\.people: 3 -> 40"),
        (("--mining", "semi-hard, hardest@99"), r"training\.mining: 'semi-hard' -> 'semi-hard, ha"),
    ],
)
def test_resume_with_other_settings_is_refused(run, people, trained, options, message):
    status, _, error = run("train", people, "--out", trained, "--resume", *options)
    assert status == 1
    assert re.search(message, line(error))


def rewrite(path, arrays=None, **changes):
    old, metadata = load_arrays(path)
    save_file(old | (arrays or {}), path, {"minifacenet": json.dumps(metadata | changes)})


def test_a_damaged_or_foreign_state_is_refused(run, people, trained):
    path = trained / "state.safetensors"
    whole = path.read_bytes()

    def error_of():
        status, _, error = run("train", people, "--out", trained, "--resume")
        assert status == 1
        assert str(path) in line(error)
        path.write_bytes(whole)
        return error

    path.write_bytes(whole[:-50])
    assert "not a whole safetensors file" in error_of()
    rewrite(path, format=2)
    assert "format 2, but minifacenet" in error_of()
    rewrite(path, {"weights.conv1.bias": np.full(16, np.nan, np.float32)})
    assert "conv1.bias holds NaN" in error_of()
    rewrite(path, {"weights.conv1.bias": np.zeros(16, np.float16)})
    assert "conv1.bias is float16" in error_of()
    rewrite(path, {"optimizer.conv1.bias.mean": np.zeros(5, np.float32)})
    assert "optimizer.conv1.bias.mean is float32 (5,), the network needs" in line(error_of())
    rewrite(path, settings=None)
    assert "a model, not a training" in error_of()
    path.write_bytes(whole)
    settings = load_metadata(path)["settings"]
    rewrite(path, settings=settings | {"training": settings["training"] | {"temperature": 1}})
    assert re.search("gone on with.*'training.temperature'.*start anew", line(error_of()))
    rewrite(path, settings={k: v for k, v in settings.items() if k != "faces"})
    assert "settings cannot be gone on with ('faces')" in error_of()
    for missing in ("rng", "step", "updates"):
        _, metadata = load_arrays(path)
        arrays, _ = load_arrays(path)
        del metadata[missing]
        save_file(arrays, path, {"minifacenet": json.dumps(metadata)})
        assert f"'{missing}' is missing from it: start anew" in error_of()


def test_a_plan_of_a_resumed_training_counts_what_is_left(run, people, out):
    assert run("train", people, "--out", out, *QUICK[2:], "--steps", 6)[0] == 0
    path = out / "state.safetensors"
    _, metadata = load_arrays(path)
    rewrite(path, step=4)
    assert metadata["step"] == 6
    status, printed, _ = run("train", people, "--out", out, "--resume", "--plan")
    assert status == 0
    assert re.search(r"steps\s+2; a photo is seen about 0\.667 times", printed)


def test_a_folder_that_cannot_be_written_to_is_found_out_first(run, people, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "train", lambda *arguments: pytest.fail("it trained"))
    (tmp_path / "file").write_text("")
    _, _, error = run("train", people, "--out", tmp_path / "file" / "out", *QUICK)
    assert "file" in line(error)
    (tmp_path / "full").mkdir()

    def refuse(path, *rest):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(files.os, "replace", refuse)
    _, _, error = run("train", people, "--out", tmp_path / "full", *QUICK)
    assert "Permission denied" in line(error)


def test_held_out_people_who_are_too_few_for_an_error_get_none(run, people, out):
    status, printed, _ = run("train", people, "--out", out, *QUICK)
    assert status == 0
    assert re.search(r"Kept the model of step 4: VAL [01]\.\d+ at FAR 0\.01", printed)


def test_shares_of_all_triplets_stay_below_one(run, people, out):
    assert run("train", people, "--out", out, *QUICK, "--mining", "all")[0] == 0
    rows = (out / "log.csv").read_text().splitlines()
    column = rows[0].split(",").index("active")
    assert all(0 < float(row.split(",")[column]) <= 1 for row in rows[1:])


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--optimizer", "lion", "'lion' is none of adagrad, adam, sgd"),
        ("--mining", "seminard", "semi-hard, semi-hard-random, hardest, all.*'seminard'"),
        ("--network", "nn9", "'nn9'; there are nn1, nn1_mini"),
        ("--margin", "nan", "margin must be a finite number, got nan"),
        ("--margin", "5", "margin must lie between 0 and 4.*5"),
        ("--rate", "inf", "rate must be a finite number, got inf"),
        ("--mining", "semi-hard, hardest@151", "hardest begins at step 151, after the last of 150"),
        ("--rate", "0", "rate must be positive, got 0"),
        ("--held-out", "1.5", "held_out is a share.*1.5"),
        ("--far", "0", "far is a false accept rate.*0"),
        ("--threads", "0", "threads"),
    ],
)
def test_an_option_that_cannot_be_is_named(run, people, out, option, value, message):
    status, _, error = run("train", people, "--out", out, option, value)
    assert status == 1
    assert re.search(message, line(error))
    assert not out.exists()


def test_an_unknown_option_and_a_word_for_a_number_are_usage_errors(run, people, out):
    for options in (
        ("--steps", "many"), ("--step", 3), ("--people", 1), ("--seed", "-1"), ("--size", 16),
    ):  # fmt: skip
        status, _, error = run("train", people, "--out", out, *options)
        assert status == 2
        assert options[0] in error


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--people", 4), "4 people in a batch, but there are 3 to train on: take up to 3"),
        (("--photos", 7), "7 photos of each person.*nobody has more than 6.*take up to 6"),
        (("--batch", 40, "--photos", 4), "10 people in a batch, but there are 3"),
    ],
)
def test_a_batch_that_cannot_be_is_refused_before_any_work(
    run, people, out, monkeypatch, options, message
):  # fmt: skip
    monkeypatch.setattr(FaceNet, "new", lambda *arguments: pytest.fail("a network was built"))
    status, _, error = run("train", people, "--out", out, "--size", 32, *options)
    assert status == 1
    assert re.search(message, line(error))
    assert not out.exists()


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_folders_that_hold_no_people_say_what_was_found(run, tmp_path, out):
    def error_of(folder):
        status, _, error = run("train", folder, "--out", out, "--size", 32)
        assert status == 1
        return line(error)

    (tmp_path / "empty").mkdir()
    assert "no folder in" in error_of(tmp_path / "empty")
    save(tmp_path / "flat" / "a.png", noise(40, 40))
    assert "found 1 photo at top level: a.png" in error_of(tmp_path / "flat")
    save(tmp_path / "deep" / "set" / "Ada" / "a.png", noise(40, 40))
    assert "lie one level too deep" in error_of(tmp_path / "deep")
    (tmp_path / "broken" / "Ada").mkdir(parents=True)
    (tmp_path / "broken" / "Ada" / "a.jpg").write_bytes(b"no photo")
    assert "a.jpg: not a photo but text" in error_of(tmp_path / "broken")
    assert "does not exist" in error_of(tmp_path / "nowhere")


@pytest.mark.parametrize("plan", [(), ("--plan",)], ids=["training", "plan"])
def test_people_who_give_no_triplet_are_counted(run, tmp_path, out, plan):
    for number in range(3):
        save(tmp_path / "one" / "Ada" / f"{number}.png", noise(40, 40))
        save(tmp_path / "single" / f"p{number}" / "a.png", noise(40, 40))
    _, _, error = run("train", tmp_path / "one", "--out", out, "--size", 32, *plan)
    assert "two photos of one person and one of another, got 3 photos of 1 people" in line(error)
    _, _, error = run("train", tmp_path / "single", "--out", out, "--size", 32, *plan)
    assert "got 3 photos of 3 people, at most 1 of one" in line(error)


def test_mixed_sizes_and_modes_train_together(run, tmp_path, out):
    for name in ("Ada", "Grace"):
        save(tmp_path / "mixed" / name / "grey.png", noise(50, 40))
        save(tmp_path / "mixed" / name / "rgb.png", noise(33, 70, 3))
        save(tmp_path / "mixed" / name / "rgba.png", noise(200, 150, 4))
        Image.fromarray(noise(40, 40)).convert("P").save(tmp_path / "mixed" / name / "palette.gif")
    (tmp_path / "mixed" / "Ada" / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n half")
    status, printed, _ = run("train", tmp_path / "mixed", "--out", out, *QUICK[:2], *QUICK[6:])
    assert status == 0
    text = " ".join(printed.split())
    assert "8 photos of 2 people, 1 skipped" in text
    assert "cut.png" in text
    assert load_metadata(out / "model.safetensors")["architecture"]["channels"] == 3


def test_a_collapse_stops_by_option_with_a_status_of_its_own(run, tmp_path, out):
    for name in ("Ada", "Grace"):
        for number in range(2):
            save(tmp_path / "grey" / name / f"{number}.png", np.full((40, 40), 99, np.uint8))
    options = ("--size", 32, "--steps", 9, "--no-augment", "--stop-collapsed", 3)
    status, printed, _ = run("train", tmp_path / "grey", "--out", out, *options)
    assert status == 1
    text = " ".join(printed.split())
    assert "Stopped: collapsed for 3 steps, all embeddings are one point (spread 0)" in text
    assert "Try a lower --rate" in text


def test_half_precision_is_refused():
    from minifacenet.embedding.architectures import Architecture

    with pytest.raises(ValueError, match=r"float32.*got float16.*half precision"):
        Architecture(size=32).build(np.random.default_rng(0), np.float16)


def test_out_of_memory_names_a_chunk(run, people, tmp_path, monkeypatch):
    def too_large(*arguments):
        raise MemoryError("the GPU has no 99 MiB left")

    monkeypatch.setattr(training_run, "run_training", too_large)
    status, _, error = run("train", people, "--out", tmp_path / "out", "--people", 3, "--photos", 4)
    assert status == 1
    assert "the GPU has no 99 MiB left: take --chunk 6" in line(error)


@pytest.mark.parametrize("command", ["run", "benchmark"])
def test_what_one_process_does_is_refused_under_a_launcher(run, people, out, monkeypatch, command):
    monkeypatch.setenv("PMI_RANK", "1")
    monkeypatch.setenv("PMI_SIZE", "2")
    status, _, error = run(command, people, "--out", out)
    assert status == 1
    assert f"`{command}` works in one process: say it without mpiexec" in line(error)
    assert not out.exists()
