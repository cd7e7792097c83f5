"""What the commands print about the cost of mining and of recognition."""

from __future__ import annotations

from ..files.words import size_text
from .screen import Table, say, show


def tell_mining(people: int, photos: int, costs: list, other: float) -> None:
    """Print the cost of every mining rule for a batch."""
    count = people * photos
    say(", one thread, medians", lead=f"{count:,} embeddings of {people} people")
    table = Table()
    table.add_column("rule")
    for column in ("processor time", "memory", "active triplets"):
        table.add_column(column, justify="right")
    for cost in costs:
        table.add_row(
            cost.rule, f"{cost.seconds:.3f} s", f"{cost.memory:.1f} N²", f"{cost.active:,}"
        )
    table.add_row("distances, gradient", f"{other:.3f} s", "", "")
    show(table)
    say(f"Memory: of a rule alone; N² is one matrix of float32, {size_text(4 * count**2)}.")


def tell_recognition(costs: list) -> None:
    """Print the cost of naming, verification and clustering."""
    say(", one thread", lead="Embeddings of 128 dimensions")
    table = Table()
    table.add_column("task")
    for column in ("processor time", "memory"):
        table.add_column(column, justify="right")
    for cost in costs:
        memory = "" if cost.memory is None else size_text(cost.memory)
        table.add_row(cost.task, f"{cost.seconds:.2f} s", memory)
    show(table)
    say("Memory: the most that the process has taken so far, Python and libraries too.")
