"""Items on the workers of a Dask cluster: none lost, none in silence, and the same answers."""

import os
import signal
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from minifacenet import __version__
from minifacenet.machine import cluster as clusters
from minifacenet.machine import shards
from minifacenet.machine.cluster import Cluster
from minifacenet.machine.shards import ClusterError, Shard, refuse_others
from minifacenet.machine.versions import versions
from minifacenet.machine.workers import Died, in_processes

from .dask_cluster import local_cluster, with_dask

ITEMS = [f"item {number}" for number in range(40)]
under_way = 0


class Upper:
    """Says which process did an item; some items are trouble."""

    def __init__(self, folder=None):
        self.folder = folder

    def __call__(self, item):
        if item == "deadly":
            time.sleep(1)  # a nanny gives up on a worker that dies while it starts
            os.kill(os.getpid(), signal.SIGKILL)
        if item == "impossible":
            raise ValueError("impossible is too much")
        if item.startswith("slow"):
            time.sleep(0.5)
        if self.folder is not None:
            (self.folder / item).touch()
        return item.upper(), os.getpid()


@pytest.fixture(scope="module")
def local():
    with local_cluster() as cluster:
        yield cluster


@pytest.fixture
def workers(local):
    with Cluster(local.scheduler_address) as cluster:
        yield cluster


def test_another_version_is_refused_by_name():
    here = {"minifacenet": "2", "python": "3.13", "numpy": "2.4", "numba": "0.68"}
    refuse_others("tcp://a:1", here, {**here, "python": "3.11"})
    with pytest.raises(ClusterError, match=r"worker tcp://a:1 has numpy 2\.1, .* has numpy 2\.4"):
        refuse_others("tcp://a:1", here, {**here, "numpy": "2.1"})
    with pytest.raises(ClusterError, match="has minifacenet 1, numba missing, and"):
        refuse_others("tcp://a:1", here, {"minifacenet": "1", "numpy": "2.4"})


def test_a_worker_that_comes_later_is_checked_too(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "_name", lambda: "tcp://b:2 on late")
    monkeypatch.setattr(shards, "_workers", {})
    (tmp_path / "hidden").mkdir()
    token = tmp_path / "hidden" / "token"
    shard = Shard(Upper, (None,), ("a",), (str(tmp_path / "a.png"),), str(token), versions())
    with pytest.raises(ClusterError, match=f"worker tcp://b:2 on late .* {tmp_path},"):
        shards.do(shard)  # it sees no token, so no folder
    token.touch()
    found = shards.do(shard)
    assert (found.answers[0][0], found.unread) == ("A", (str(tmp_path / "a.png"),))
    token.unlink()
    assert shards.do(shard) is None  # it has seen it once: nobody waits for this one any more
    token.touch()
    older = replace(shard, arguments=(tmp_path,), versions={**versions(), "numba": "0.1"})
    with pytest.raises(ClusterError, match=r"late has numba .* this machine has numba 0\.1:"):
        shards.do(older)


def test_without_dask_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ClusterError, match=r"pip install 'minifacenet\[dask\]'"):
        Cluster("tcp://127.0.0.1:8786")


@with_dask
def test_all_answers_come_from_several_processes(workers):
    answers = dict(in_processes(ITEMS, Upper, (), workers, together=3))
    assert {item: upper for item, (upper, _) in answers.items()} == {i: i.upper() for i in ITEMS}
    assert len({process for _, process in answers.values()} - {os.getpid()}) == 2
    assert dict(in_processes([], Upper, (), workers)) == {}


@with_dask
def test_a_worker_that_is_killed_costs_nothing(workers):
    answers, killed = {}, None
    for item, (_, process) in in_processes(ITEMS, Upper, (), workers, together=3):
        if killed is None:
            os.kill(process, signal.SIGKILL)
            killed = process
        answers[item] = process
    assert answers.keys() == {*ITEMS}


@with_dask
def test_an_item_that_kills_its_workers_is_named_and_the_others_are_done():
    items = [*ITEMS[:5], "deadly", *ITEMS[5:]]
    with local_cluster() as local, Cluster(local.scheduler_address) as workers:
        local.scheduler.allowed_failures = 1  # of 3: each takes seconds
        answers = dict(in_processes(items, Upper, (), workers, together=3))
    assert isinstance(answers.pop("deadly"), Died)
    assert {item: upper for item, (upper, _) in answers.items()} == {i: i.upper() for i in ITEMS}


@with_dask
def test_an_error_names_the_worker(workers):
    with pytest.raises(ClusterError, match=r"worker tcp://\S+ on \S+: impossible is too much"):
        dict(in_processes([*ITEMS, "impossible"], Upper, (), workers))


@with_dask
def test_left_early_no_more_is_written(workers, tmp_path):
    items = [f"slow {number}" for number in range(20)]
    job = in_processes(items, Upper, (tmp_path,), workers, writes=tmp_path, together=2)
    with closing(job) as answers:
        next(answers)
        assert any(path.name.endswith(".tmp") for path in tmp_path.iterdir())
    left = sorted(path.name for path in tmp_path.iterdir())
    assert 2 <= len(left) <= 8
    assert not any(name.endswith(".tmp") for name in left)
    time.sleep(1)
    assert sorted(path.name for path in tmp_path.iterdir()) == left


@with_dask
@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="takes Linux")
def test_what_a_worker_does_not_see_is_named(workers, tmp_path, monkeypatch):
    """Each process has another /proc/self/cwd, as machines have other disks."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.png").touch()
    theirs = Path("/proc/self/cwd")
    with pytest.raises(ClusterError, match=r"worker tcp://\S+ cannot get at /proc/self/cwd/a.png"):
        dict(in_processes(["a.png"], Upper, (), workers, reads=theirs.joinpath))
    with pytest.raises(ClusterError, match=r"worker tcp://\S+ cannot get at /proc/self/cwd,"):
        dict(in_processes(["a.png"], Upper, (), workers, writes=theirs))
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    # The first file is there for all, a later one is not; and one is there for nobody.
    (tmp_path / "b.png").touch()
    places = {"a": tmp_path / "a.png", "b": theirs / "b.png", "c": theirs / "c.png"}
    assert set(dict(in_processes("ac", Upper, (), workers, reads=places.get))) == {"a", "c"}
    with pytest.raises(ClusterError, match=r"on \S+ cannot get at /proc/self/cwd/b.png"):
        dict(in_processes("acb", Upper, (), workers, reads=places.get, together=3))


def older(spoilt):
    """Let a process have an older minifacenet, or its own again."""
    from minifacenet.machine import versions as module

    module.__version__ = "0.0.9" if spoilt else __version__


def hidden(spoilt):
    """Let a process have no minifacenet, or its own again."""
    if spoilt:
        sys.hidden = {n: m for n, m in sys.modules.items() if n.partition(".")[0] == "minifacenet"}
        for name in sys.hidden:
            del sys.modules[name]
        sys.modules["minifacenet"] = None
    else:
        sys.modules.update(sys.hidden)


@with_dask
@pytest.mark.parametrize(
    ("spoil", "words"),
    [(older, r"has minifacenet 0\.0\.9"), (hidden, "lacks what it takes .*minifacenet.*: install")],
    ids=["older", "none"],
)
def test_a_worker_without_our_version_is_named(local, spoil, words):
    from distributed import Client

    with Client(local.scheduler_address, set_as_default=False) as client:
        one = min(client.nthreads())
        client.run(spoil, True, workers=[one])
        try:
            with pytest.raises(ClusterError, match=f"worker {one} {words}"):
                Cluster(local.scheduler_address)
        finally:
            client.run(spoil, False, workers=[one])
    Cluster(local.scheduler_address).close()


@with_dask
def test_workers_that_have_all_gone_are_missed(monkeypatch):
    monkeypatch.setattr(clusters, "PATIENCE_SECONDS", 1)
    monkeypatch.setattr(clusters, "CONNECT_SECONDS", 1)
    with local_cluster(workers=1) as local, Cluster(local.scheduler_address) as workers:
        answers = in_processes([f"slow {i}" for i in range(9)], Upper, (), workers)
        next(answers)
        local.scale(0)
        with pytest.raises(ClusterError, match="all workers have gone from the scheduler at tcp:"):
            dict(answers)
        with pytest.raises(ClusterError, match=r"no workers are connected to .*`dask worker tcp:"):
            Cluster(local.scheduler_address)


@with_dask
def test_a_lost_scheduler_is_one_line(monkeypatch):
    monkeypatch.setattr(clusters, "CONNECT_SECONDS", 1)
    with local_cluster(workers=1) as local, Cluster(local.scheduler_address) as workers:
        answers = in_processes([f"slow {i}" for i in range(9)], Upper, (), workers)
        next(answers)
        local.close()
        with pytest.raises(ClusterError, match="What was done is kept: when one runs there again"):
            dict(answers)
    with pytest.raises(ClusterError, match="no scheduler of Dask answers at 'tcp://127"):
        Cluster(local.scheduler_address)
    with pytest.raises(ClusterError, match=r"answers at 'ten' .*missing port"):
        Cluster("ten")


class Alone:
    def __call__(self, item):
        global under_way
        under_way += 1
        time.sleep(0.05)
        seen = under_way
        under_way -= 1
        return seen


@with_dask
def test_threads_of_one_worker_take_turns():
    with local_cluster(workers=1, threads=3) as local, Cluster(local.scheduler_address) as workers:
        assert workers.threads() == 3
        answers = dict(in_processes(ITEMS, Alone, (), workers, together=2))
    assert {*answers.values()} == {1}
