from minifacenet.embedding.mining import RULES
from minifacenet.speed import time_mining


def test_every_rule_is_timed_finds_triplets_and_stays_within_n_squared():
    costs, other = time_mining(people=20, photos=10, rounds=1)
    assert [cost.rule for cost in costs] == list(RULES)
    assert other >= 0
    for cost in costs:
        assert cost.seconds >= 0
        assert cost.active > 0
        assert cost.memory < 8  # never N^3: that would be 200
    assert costs[-1].active > costs[0].active


def test_the_command_prints_a_line_a_rule(run):
    status, printed, _ = run("bench", "mining", "--people", 4, "--photos", 5)
    assert status == 0
    for rule in RULES:
        assert rule in printed
    assert max(map(len, printed.splitlines())) <= 80
    assert run("bench", "nothing")[0] == 2


def test_recognition_prints_a_line_a_task(run):
    sizes = ("--people", 3, "--photos", 4, "--pairs", 60, "--faces", 50)
    status, printed, _ = run("bench", "recognition", *sizes)
    assert status == 0
    for task in ("12 faces of 3 people", "verify 60 pairs in 10 folds", "cluster 50 faces"):
        assert task in printed
    assert printed.count(" s ") >= 3
