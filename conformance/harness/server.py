"""A server of ours in a private folder: started with `up`, found by `status`, ended by pid.

The caller's own Azure and Kubernetes settings are taken out of the environment and HOME is private, so a run neither
reads nor changes them. Ports are the server's own choice.
"""
import json
import os
import pathlib
import signal
import subprocess
import time

from .suite import Failed, eventually

FOREIGN = ("AZURE_", "ARM_", "KUBE", "NODELANE_", "REQUESTS_CA", "SSL_CERT", "IDENTITY_", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")


class Server:
    """One data folder and, between `up` and `down` or `kill`, one process."""

    def __init__(self, binary, folder, profile="instant"):
        self.binary, self.profile = str(binary), profile
        self.folder = pathlib.Path(folder)
        self.data = self.folder / "data"
        self.home = self.folder / "home"
        self.home.mkdir(parents=True, exist_ok=True)
        self.base = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}
        self.base["HOME"] = str(self.home)
        self._env = None

    def run(self, *arguments, timeout=120, env=None):
        """A verb of the binary on this data folder: a finished process with text streams."""
        environment = dict(self.base, NODELANE_DATA_DIR=str(self.data), **(env or {}))
        return subprocess.run([self.binary, *arguments], env=environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=timeout)

    def up(self, *more, env=None):
        """Starts it and returns when both APIs answer and the first pool's nodes are Ready."""
        done = self.run("up", "--detach", "--boot-profile", self.profile, *more, env=env)
        if done.returncode != 0:
            raise Failed(f"up ended with {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
        return self.status()

    def status(self):
        """What `status -o json` says; None when nothing runs."""
        done = self.run("status", "-o", "json")
        if done.returncode == 3:
            return None
        if done.returncode != 0:
            raise Failed(f"status ended with {done.returncode}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    @property
    def pid(self):
        """Process id of the running server."""
        status = self.status()
        if status is None:
            raise Failed("no server runs")
        return int(status["pid"])

    def env(self):
        """The whole environment after `eval "$(nodelane env)"`."""
        if self._env is None:
            script = f'eval "$("{self.binary}" env)" && env -0'
            done = subprocess.run(["bash", "-c", script], env=dict(self.base, NODELANE_DATA_DIR=str(self.data)),
                                  stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
            if done.returncode != 0:
                raise Failed(f"env: {done.stderr.decode()}")
            pairs = (item.split("=", 1) for item in done.stdout.decode().split("\0") if "=" in item)
            self._env = dict(pairs)
        return self._env

    def kill(self):
        """Ends it as a power cut would, and waits until it is gone."""
        pid = self.pid
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: not alive(pid), 10, f"process {pid} is gone", every=0.005)

    def close(self):
        """Ends it if it runs; its folder stays for whoever wants to look."""
        try:
            status = self.status()
        except (Failed, OSError, subprocess.SubprocessError, ValueError):
            return
        if status is None:
            return
        self.run("down")
        end = time.monotonic() + 5
        while alive(int(status["pid"])) and time.monotonic() < end:
            time.sleep(0.05)
        if alive(int(status["pid"])):
            os.kill(int(status["pid"]), signal.SIGKILL)


def alive(pid):
    """True while the process exists and is not a zombie."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] != "Z"
    except FileNotFoundError:
        return False
