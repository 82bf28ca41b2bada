"""The README's five minutes, as a new user types them: its own commands, read from it, with what they must show.

A command that the README gains or loses changes this run; one that is not known here fails it.
"""
import pathlib
import re
import shlex

from harness.suite import eventually, holds, same, test

PROFILE = "fast"
README = pathlib.Path(__file__).resolve().parents[2] / "README.md"


def commands():
    """The lines of the tour, continued lines joined, comments cut."""
    tour = README.read_text().split("## Five minutes")[1].split("```")[1]
    lines = re.sub(r"\\\n\s*", " ", tour).splitlines()
    return [shlex.split(re.sub(r"\s#.*$", "", line)) for line in lines if line.strip()]


@test
def the_tour_of_the_readme_does_what_it_says(b):
    seen = []
    for command in commands():
        tool, words = command[0], command[1:]
        seen.append(" ".join(command[:4]))
        if tool == "eval":
            continue
        if tool == "az":
            done = b.az_process(*words, timeout=300).ok()
        elif tool == "kubectl":
            words = [str(README.parent / word) if word.startswith("examples/") else word for word in words]
            done = b.kubectl(*words).ok()
        elif tool == "nodelane":
            done = b.nodelane(*words).ok()
        else:
            holds(False, f"the tour's {tool} is not known here")
        if "list" in words:
            holds("batch" in done.out and "system" in done.out, f"both pools in {done.out!r}")
        if words[:2] == ["get", "nodes"]:
            same(sum("batch" in line and "eastus-" in line for line in done.out.splitlines()), 3, "zonal nodes of batch")
        if words[:2] == ["get", "pods"]:
            eventually(lambda: "Running" in b.kubectl(*words).ok().out, 20, "the relays run on the system pool")
            events = b.kubectl("get", "events", "-n", "retail").ok().out
            holds("FailedScheduling" in events, "pods without a lane say why")
        if "upgrade" in words:
            versions = {n["status"]["nodeInfo"]["kubeletVersion"] for n in b.kube.nodes() if n["metadata"]["labels"]["agentpool"] == "batch"}
            same({v.rsplit(".", 1)[0] for v in versions}, {"v1.35"}, "versions of batch after its upgrade")
    holds(any("upgrade" in line for line in seen), "the tour upgrades a pool")
