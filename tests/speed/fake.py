"""A yardstick that needs no PyTorch: our own layers, said to take so many seconds."""

from types import SimpleNamespace

from minifacenet.speed.clock import Call
from minifacenet.speed.sides import PASSES, STEP, Ours


class Clock:
    """Time that passes only when it is told to, in place of the module `time`."""

    def __init__(self):
        self.now, self.read = 0.0, []
        self.module = SimpleNamespace(
            process_time=lambda: self._tell("process"),
            perf_counter=lambda: self._tell("wall"),
            sleep=lambda seconds: None,
        )

    def _tell(self, name):
        self.read.append(name)
        return self.now

    def takes(self, seconds):
        """Something that takes so long."""

        def run():
            self.now += seconds

        return run


class Fake:
    """`faults` maps rows to a function that changes the values (output, dx) that come out."""

    about = "Fake 1.0"

    def __init__(self, parts, faults=None):
        self.ours, self.faults = Ours(parts), faults or {}

    def values(self, names, x, dout):
        values = self.ours.values(names, x, dout)[""]
        names = list(names)
        if len(names) == 1 and names[0] in self.faults:
            values = self.faults[names[0]](*values)
        return {"contiguous": values, "channels_last": values}

    def calls(self, names, x, dout):
        calls = self.ours.calls(names, x, dout)[""]
        assert tuple(calls) == PASSES
        return {"contiguous": calls, "channels_last": calls}

    def step(self, x, gradient):
        return {"contiguous": dict.fromkeys(STEP, Call(lambda: gradient(self._out(x))))}

    def update(self, name, weights):
        return {"contiguous": Call(lambda: None)}

    def product(self, a, b):
        return {"contiguous": Call(lambda: a @ b)}

    def _out(self, x):
        return self.ours.layers(self.ours.parts).forward(x)
