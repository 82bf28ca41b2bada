"""Plain HTTPS to both APIs, for what no client shows: raw status codes, headers and bodies.

Connections are made per request, so that a killed server leaves nothing half open.
"""
import base64
import http.client
import json
import pathlib
import ssl
import threading
import time
import urllib.parse

from .suite import Failed, same

API = "2026-06-01"
SUB = "00000000-0000-0000-0000-000000000001"
GROUP, CLUSTER = "lanes", "dev"
GROUP_PATH = f"/subscriptions/{SUB}/resourceGroups/{GROUP}"
CLUSTER_PATH = f"{GROUP_PATH}/providers/Microsoft.ContainerService/managedClusters/{CLUSTER}"


REFUSALS = None  # the file that takes what was refused, for the search at the end of the run


class Response:
    """Status, headers (case-insensitive `get`) and body of one answer."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        """The body as JSON; a Failed that shows it when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise Failed(f"no JSON in a {self.status}: {self.body[:300]!r}") from None

    @property
    def error(self):
        """The error object of either envelope."""
        body = self.json
        return body.get("error", body)

    def __repr__(self):
        return f"{self.status} {self.body[:600].decode(errors='replace')}"


def send(base, context, method, path, body=None, headers=None, timeout=60):
    """One request, one answer."""
    url = urllib.parse.urlsplit(base)
    connection = http.client.HTTPSConnection(url.hostname, url.port, context=context, timeout=timeout)
    headers = dict(headers or {})
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
        headers.setdefault("Content-Type", "application/json")
    try:
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        response = Response(answer.status, answer.headers, answer.read())
        if REFUSALS is not None and response.status >= 400:
            with open(REFUSALS, "ab") as log:
                log.write(f"{method} {url.path} {response.status}\n{response.headers}".encode() + response.body + b"\n")
        return response
    finally:
        connection.close()


class Arm:
    """The ARM API with the credential of `nodelane env`."""

    def __init__(self, server):
        env = server.env()
        self.base = "https://" + env["ARM_METADATA_HOSTNAME"]
        self.context = ssl.create_default_context(cafile=env["REQUESTS_CA_BUNDLE"])
        self.env = env
        self._token = None

    def token(self, secret=None, path="/adfs/oauth2/token", scope="https://management.core.windows.net//.default"):
        """The answer of the token route to the client secret of the environment, or to another one."""
        form = urllib.parse.urlencode({
            "client_id": self.env["ARM_CLIENT_ID"], "grant_type": "client_credentials", "client_info": "1",
            "client_secret": secret or self.env["ARM_CLIENT_SECRET"], "scope": scope})
        return send(self.base, self.context, "POST", path, form.encode(), {"Content-Type": "application/x-www-form-urlencoded"})

    @property
    def bearer(self):
        """A token, fetched once."""
        if self._token is None:
            self._token = self.token().json["access_token"]
        return self._token

    def call(self, method, path, body=None, headers=None, api=API, token=True, timeout=60):
        """A request; `path` may be absolute (a poll address) or hold its own query."""
        if path.startswith("https://"):
            url = urllib.parse.urlsplit(path)
            path = url.path + ("?" + url.query if url.query else "")
        elif api:
            path += ("&" if "?" in path else "?") + "api-version=" + api
        headers = dict(headers or {})
        if token:
            headers["Authorization"] = "Bearer " + (token if isinstance(token, str) else self.bearer)
        return send(self.base, self.context, method, path, body, headers, timeout)

    @staticmethod
    def pool_path(name, cluster=CLUSTER_PATH):
        """Path of a pool of the first cluster."""
        return f"{cluster}/agentPools/{name}"

    def pool(self, name):
        """The pool's document; fails when it is not there."""
        answer = self.call("GET", self.pool_path(name))
        same(answer.status, 200, f"GET {name}: {answer}")
        return answer.json

    def put(self, name, properties, headers=None):
        """PUT of a pool with these properties."""
        return self.call("PUT", self.pool_path(name), {"properties": properties}, headers)

    def change(self, name, headers=None, **properties):
        """What az does for update and scale: the GET body with some properties changed."""
        return self.put(name, dict(writable(self.pool(name)), **properties), headers)

    def finish(self, answer, seconds=120):
        """Polls the operation of `answer` to its end and returns the operation's document."""
        address = answer.headers.get("Azure-AsyncOperation")
        if address is None:
            return {"status": "Succeeded"}
        end = time.monotonic() + seconds
        while True:
            operation = self.call("GET", address)
            same(operation.status, 200, f"poll: {operation}")
            if operation.json["status"] in ("Succeeded", "Failed", "Canceled"):
                return operation.json
            if time.monotonic() > end:
                raise Failed(f"operation still {operation.json} after {seconds} s")
            time.sleep(0.1)

    def done(self, answer, seconds=120):
        """As `finish`, and the operation succeeded."""
        if answer.status not in (200, 201, 202, 204):
            raise Failed(f"refused: {answer}")
        return same(self.finish(answer, seconds)["status"], "Succeeded", "operation")

    def create(self, name, seconds=120, **properties):
        """A pool, finished; defaults as az sends them."""
        self.done(self.put(name, dict(new_pool(), **properties)), seconds)
        return self.pool(name)

    def delete(self, name, query="", seconds=120):
        """A pool, gone."""
        path = self.pool_path(name) + (f"?{query}" if query else "")
        self.done(self.call("DELETE", path), seconds)


READ_ONLY = ("eTag", "provisioningState", "currentOrchestratorVersion", "status")


def writable(pool):
    """The properties of a GET that az sends back."""
    return {k: v for k, v in pool["properties"].items() if k not in READ_ONLY}


def new_pool(**properties):
    """What `az aks nodepool add` sends when it is given nothing, with one node."""
    return {"vmSize": "", "osType": "Linux", "enableNodePublicIP": False, "count": 1, "enableAutoScaling": False,
            "scaleSetPriority": "Regular", "nodeTaints": [], "upgradeSettings": {"undrainableNodeBehavior": "Schedule"},
            "type": "VirtualMachineScaleSets", "enableEncryptionAtHost": False, "enableUltraSSD": False,
            "enableFIPS": False, "mode": "User", "scaleDownMode": "Delete", **properties}


class Kube:
    """The Kubernetes API of the first cluster with the token and the CA that the server wrote down."""

    def __init__(self, server):
        import yaml  # comes with az
        cluster = server.status()["clusters"][0]
        config = yaml.safe_load(pathlib.Path(cluster["kubeconfig"]).read_text())
        entry = config["clusters"][0]["cluster"]
        holder = base64.b64decode(entry["certificate-authority-data"]).decode() if "certificate-authority-data" in entry else None
        self.context = ssl.create_default_context(cafile=entry.get("certificate-authority"), cadata=holder)
        self.base = cluster["url"]
        self.bearer = pathlib.Path(cluster["tokenFile"]).read_text().strip()

    def call(self, method, path, body=None, headers=None, token=True, timeout=60):
        """A request as the cluster's administrator, or without a credential."""
        headers = dict({"Accept": "application/json"}, **(headers or {}))
        if token:
            headers["Authorization"] = "Bearer " + (token if isinstance(token, str) else self.bearer)
        return send(self.base, self.context, method, path, body, headers, timeout)

    def items(self, path):
        """The items of a list."""
        answer = self.call("GET", path)
        same(answer.status, 200, f"GET {path}: {answer}")
        return answer.json["items"]

    def nodes(self, pool=None):
        """Nodes, of one pool or of all."""
        return self.items("/api/v1/nodes" + (f"?labelSelector=agentpool%3D{pool}" if pool else ""))

    def watch(self, path):
        """A recording of everything that happens under `path` from now on."""
        return Recording(self, path)


class Recording:
    """A watch in a thread of its own: `events` is a list of (seconds, type, object)."""

    def __init__(self, kube, path):
        self.kube, self.path = kube, path
        self.events, self.error = [], None
        self.start = time.monotonic()
        first = kube.call("GET", path)
        same(first.status, 200, f"GET {path}: {first}")
        self.first = first.json["items"]
        self.version = first.json["metadata"]["resourceVersion"]
        self._connection = None
        self._stopped = False
        self._thread = threading.Thread(target=self._record, daemon=True)
        self._thread.start()

    def _record(self):
        try:
            url = urllib.parse.urlsplit(self.kube.base)
            self._connection = http.client.HTTPSConnection(url.hostname, url.port, context=self.kube.context, timeout=600)
            mark = "&" if "?" in self.path else "?"
            query = f"{mark}watch=true&allowWatchBookmarks=true&resourceVersion={self.version}"
            self._connection.request("GET", self.path + query, headers={"Authorization": "Bearer " + self.kube.bearer, "Accept": "application/json"})
            answer = self._connection.getresponse()
            if answer.status != 200:
                raise Failed(f"watch: {answer.status} {answer.read(500)!r}")
            for line in answer:
                event = json.loads(line)
                self.events.append((time.monotonic() - self.start, event["type"], event["object"]))
        except Exception as error:  # shown by the test that reads the recording
            if not self._stopped:
                self.error = error

    def stop(self):
        """Ends the watch; returns the events without bookmarks."""
        time.sleep(0.3)
        self._stopped = True
        if self._connection is not None and self._connection.sock is not None:
            self._connection.sock.close()
        if self.error is not None:
            raise Failed(f"the watch broke: {self.error!r}")
        return [event for event in self.events if event[1] != "BOOKMARK"]
