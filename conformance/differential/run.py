"""Asks both schedulers about worlds, in batches, and makes what they disagree about small.

`nodelane place` answers a batch when it has read it, so a step of shrinking asks about all candidates at once and goes on with the
first that still differs. A candidate lacks one thing: half of a list, an element, a field that is not needed for its object.
"""
import copy
import json
import pathlib
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor

from differential.compare import differences

# Without these an object is none, or the real program ends: they only go with what holds them.
NEEDED = {"metadata", "spec", "status", "allocatable", "name", "namespace", "containers", "nodeName", "uid", "topologyKey", "maxSkew", "whenUnsatisfiable", "operator", "key", "values",
          "preference", "podAffinityTerm", "weight", "nodeSelectorTerms", "selector", "template", "kind", "apiVersion", "effect", "names", "nodes", "pods", "pod"}
ROUNDS = 300  # a world of 60 nodes and 60 pods is small after some 60; more is a loop


class Pair:
    """Our program and the real one; both read worlds line by line."""

    def __init__(self, nodelane, oracle, folder, *more):
        self.ours, self.theirs = [str(nodelane), "place", "--choice", "-f", "-", *more], [str(oracle)]
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def ask(self, worlds):
        """The two verdicts on each world; None where a program ended over it."""
        with ThreadPoolExecutor(2) as both:
            return list(zip(*both.map(lambda command: self.answers(command, worlds), [self.ours, self.theirs])))

    def answers(self, command, worlds):
        """One program's verdicts; where it ends over a world it is asked about those behind."""
        found = []
        while len(found) < len(worlds):
            with tempfile.TemporaryFile("w+", dir=self.folder) as file:
                file.writelines(json.dumps(world) + "\n" for world in worlds[len(found):])
                file.seek(0)
                done = subprocess.run(command, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
            found += [json.loads(line) for line in done.stdout.splitlines()]
            if len(found) < len(worlds):
                found.append(None)
        return found

    def differ(self, worlds):
        """Of each world, what the two disagree about."""
        return [None if ours is None or theirs is None else differences(ours, theirs) for ours, theirs in self.ask(worlds)]

    def shrink(self, world):
        """The smallest world found on which the two still disagree, and the real verdict on it."""
        for _ in range(ROUNDS):
            candidates = list(smaller(world))
            found = next((candidate for candidate, lines in zip(candidates, self.differ(candidates)) if lines), None)
            if found is None:
                break
            world = found
        (_, real), = self.ask([world])
        return world, real


def smaller(world):
    """Worlds that lack one thing of this one; the largest things first."""
    for member in ("nodes", "pods"):
        half = len(world[member]) // 2
        if half > 1:
            yield whole({**world, member: world[member][half:]})
            yield whole({**world, member: world[member][:half]})
    places = sorted(paths(world), key=len)  # what holds much is not deep
    for path in places:
        made = copy.deepcopy(world)
        holder = made
        for step in path[:-1]:
            holder = holder[step]
        del holder[path[-1]]
        yield whole(made)


def whole(world):
    """Without the pods of nodes that are gone: the real program ends over them."""
    names = {node["metadata"]["name"] for node in world["nodes"]}
    return {**world, "pods": [pod for pod in world["pods"] if pod["spec"].get("nodeName") in names]}


def paths(value, at=()):
    """Where something can be left out."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else []
    for step, below in steps:
        if step not in NEEDED and not (isinstance(step, int) and at[-1] == "containers" and len(value) == 1):
            yield (*at, step)
        yield from paths(below, (*at, step))
