"""The bench of a suite: its server and the clients that drive it, each with the environment of `nodelane env`.

az runs inside this process (one interpreter start for a whole suite); `az_process` starts the real command where
exit codes, streams and start-up are the point. kubectl and our own command line are always processes.
"""
import contextlib
import io
import json
import logging
import os
import pathlib
import subprocess
import sys
import time

from . import http
from .canary import HANDS_OUT
from .http import Arm, Kube
from .server import Server
from .suite import Failed


class Ran:
    """A finished command: exit code, both streams, seconds."""

    def __init__(self, command, code, out, err, seconds):
        self.command, self.code, self.out, self.err, self.seconds = command, code, out, err, seconds

    @property
    def json(self):
        """Standard output as JSON."""
        try:
            return json.loads(self.out)
        except ValueError:
            raise Failed(f"no JSON from {self}") from None

    def ok(self):
        """Itself, after exit code 0."""
        if self.code != 0:
            raise Failed(f"failed: {self}")
        return self

    def failed(self, code=None, *words):
        """Itself, after another exit code; every word was on standard error."""
        if self.code == 0 or (code is not None and self.code != code):
            raise Failed(f"expected exit code {code or 'other than 0'}: {self}")
        for word in words:
            if word not in self.err:
                raise Failed(f"expected {word!r} on standard error: {self}")
        return self

    def __repr__(self):
        return f"{' '.join(self.command)} -> {self.code}\nstdout: {self.out[-1500:]}\nstderr: {self.err[-1500:]}"


class Bench:
    """What a test gets as `b`."""

    def __init__(self, options, folder, profile, start=True):
        self.options, self.folder = options, pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.server = Server(options.nodelane, self.folder / "first", profile)
        self._others = []
        http.REFUSALS = self.folder / "refusals.log"
        if start:
            self.server.up()
            self.use()

    def use(self):
        """Points this process, and with it the az inside, at the server. Once, before az is imported."""
        os.environ.clear()
        os.environ.update(self.server.env())
        self.arm, self.kube = Arm(self.server), Kube(self.server)

    def another(self, name, profile="instant"):
        """A second server in a folder of its own, not started."""
        server = Server(self.options.nodelane, self.folder / name, profile)
        self._others.append(server)
        return server

    def close(self):
        """Ends every server of this bench."""
        for server in [self.server, *self._others]:
            server.close()

    # ---- clients

    def process(self, *command, env=None, timeout=300, stdin=None):
        """Any command with the server's environment."""
        begin = time.monotonic()
        environment = dict(self.server.env(), **(env or {}))
        feed = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=timeout, **feed)
        return self._ran(Ran(command, done.returncode, done.stdout, done.stderr, time.monotonic() - begin))

    def kubectl(self, *arguments, **more):
        """kubectl."""
        return self.process(self.options.kubectl, *arguments, **more)

    def nodelane(self, *arguments, **more):
        """Our own command line."""
        return self.process(self.options.nodelane, *arguments, **more)

    def az_process(self, *arguments, **more):
        """az as a process of its own."""
        return self.process(sys.executable, "-m", "azure.cli", *arguments, **more)

    def az(self, *arguments):
        """az inside this process; its logger writes to the same captured standard error."""
        from azure.cli.core import get_default_cli
        begin = time.monotonic()
        out, err = io.StringIO(), io.StringIO()
        # az hangs its handlers on the loggers once; without them each call makes new ones on our stream.
        for name in ("cli", "az_command_data_logger", ""):
            logging.getLogger(name).handlers.clear()
        with contextlib.redirect_stderr(err), contextlib.redirect_stdout(out):
            try:
                code = get_default_cli().invoke([str(a) for a in arguments], out_file=out)
            except SystemExit as stop:
                code = stop.code if isinstance(stop.code, int) else 1
        return self._ran(Ran(("az", *map(str, arguments)), code or 0, out.getvalue(), err.getvalue(), time.monotonic() - begin))

    def _ran(self, ran):
        """Writes down what a client printed, for the search at the end of the run."""
        if not HANDS_OUT & set(ran.command):
            with open(self.folder / "printed.log", "a") as log:
                log.write(f"{' '.join(ran.command)}\n{ran.out}{ran.err}\n")
        return ran

    def az_pool(self, verb, *arguments):
        """`az aks nodepool VERB` on the first cluster."""
        return self.az("aks", "nodepool", verb, "-g", "lanes", "--cluster-name", "dev", *arguments)

    def deploy(self, name, replicas, pool, minimum=None, cpu=None):
        """A Deployment on one pool and, if asked, its budget; waits for its pods."""
        labels, resources = {"app": name}, {"requests": {"cpu": cpu}} if cpu else {}
        pod = {"nodeSelector": {"agentpool": pool}, "terminationGracePeriodSeconds": 1,
               "containers": [{"name": "c", "image": "x", "resources": resources}]}
        items = [{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
                  "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}}]
        if minimum is not None:
            items.append({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name},
                          "spec": {"minAvailable": minimum, "selector": {"matchLabels": labels}}})
        self.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items})).ok()
        self.kubectl("rollout", "status", f"deployment/{name}", "--timeout=60s").ok()

    # ---- what tests look at

    def nodes_of(self, pool):
        """Names of a pool's nodes that are Ready, in order."""
        return sorted(node["metadata"]["name"] for node in self.kube.nodes(pool) if ready(node))


def ready(node):
    """True when the node's Ready condition is True."""
    return any(c["type"] == "Ready" and c["status"] == "True" for c in node.get("status", {}).get("conditions", []))
