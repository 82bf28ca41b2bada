"""Closed doors: foreign hosts, foreign pages and callers without a credential, on every route of both APIs.

Expected: spec security T1, T2, T8, T13. A request is refused (421 or 403) whatever else is right with it: the credential is always
the right one here, so only the guard under test can refuse.
"""
import os
import pathlib
import re
import signal
import socket
import ssl
import time

from harness.http import CLUSTER_PATH, GROUP_PATH, SUB, send
from harness.suite import eventually, holds, same, test

POOL = f"{CLUSTER_PATH}/agentPools/system"
API = "?api-version=2026-06-01"
ARM_ROUTES = [
    ("GET", "/metadata/endpoints"), ("GET", "/adfs/.well-known/openid-configuration"), ("POST", "/adfs/oauth2/token"), ("GET", "/msi/token"),
    ("GET", "/subscriptions"), ("GET", "/tenants"), ("GET", f"/subscriptions/{SUB}"), ("GET", f"/subscriptions/{SUB}/locations"), ("GET", f"/subscriptions/{SUB}/resourcegroups"),
    ("GET", GROUP_PATH), ("GET", f"/subscriptions/{SUB}/providers/Microsoft.ContainerService"), ("GET", f"/subscriptions/{SUB}/providers/Microsoft.ContainerService/managedClusters"),
    ("GET", CLUSTER_PATH), ("PUT", CLUSTER_PATH), ("DELETE", CLUSTER_PATH), ("POST", CLUSTER_PATH + "/stop"), ("POST", CLUSTER_PATH + "/start"),
    ("POST", CLUSTER_PATH + "/listClusterUserCredential"), ("POST", CLUSTER_PATH + "/listClusterAdminCredential"), ("GET", CLUSTER_PATH + "/upgradeProfiles/default"),
    ("GET", CLUSTER_PATH + "/availableAgentPoolVersions"), ("GET", CLUSTER_PATH + "/agentPools"), ("GET", POOL), ("PUT", POOL), ("DELETE", POOL), ("POST", POOL + "/abort"),
    ("POST", POOL + "/deleteMachines"), ("POST", POOL + "/upgradeNodeImageVersion"), ("GET", POOL + "/upgradeProfiles/default"), ("GET", POOL + "/machines"), ("GET", "/nosuch"),
]
KUBE_ROUTES = [
    ("GET", "/api"), ("GET", "/apis"), ("GET", "/version"), ("GET", "/openapi/v2"), ("GET", "/openapi/v3"), ("GET", "/api/v1/nodes"), ("GET", "/api/v1/nodes?watch=true"), ("GET", "/api/v1/namespaces/default/pods"),
    ("POST", "/api/v1/namespaces/default/configmaps"), ("DELETE", "/api/v1/namespaces/default/configmaps"), ("PATCH", "/api/v1/nodes/x"), ("POST", "/api/v1/namespaces/default/pods/x/eviction"),
    ("GET", "/api/v1/namespaces/default/secrets"), ("GET", "/apis/apps/v1/deployments"), ("GET", "/apis/metrics.k8s.io/v1beta1/nodes"), ("GET", "/nosuch"),
]
OPEN = {"/metadata/endpoints", "/adfs/.well-known/openid-configuration", "/adfs/oauth2/token", "/msi/token", "/livez", "/readyz", "/healthz", "/version"}
FOREIGN = [
    {"Host": "evil.example"}, {"Host": "evil.example:443"}, {"Host": "127.0.0.1.evil.example"}, {"Host": "169.254.169.254"},
    {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "https://127.0.0.1:1"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
]


def every(b):
    """(api, method, path, client) of every route."""
    for method, path in ARM_ROUTES:
        yield "arm", method, path + API, b.arm
    for method, path in [*KUBE_ROUTES, ("GET", "/livez"), ("GET", "/readyz")]:
        yield "kube", method, path, b.kube


def raw(client, method, path, headers, token=True):
    """A request with exactly these headers, Host included."""
    headers = dict(headers)
    if token:
        headers["Authorization"] = "Bearer " + client.bearer
    return send(client.base, client.context, method, path, b"{}" if method in ("PUT", "POST", "PATCH") else None, headers, 10)


@test
def foreign_hosts_and_pages_are_refused_on_every_route(b):
    wrong = []
    for api, method, path, client in every(b):
        for headers in FOREIGN:
            answer = raw(client, method, path, headers)
            if answer.status not in (403, 421) or answer.headers.get("Access-Control-Allow-Origin"):
                wrong.append(f"{api} {method} {path} {headers}: {answer!r:.80}")
    same(wrong, [], "requests that came in")
    same(len(b.kube.nodes()), 3, "nothing happened")


@test
def a_simple_form_post_of_a_page_changes_nothing(b):
    for headers in ({"Content-Type": "text/plain"}, {"Content-Type": "application/x-www-form-urlencoded"}):
        answer = raw(b.kube, "POST", "/api/v1/namespaces/default/configmaps", dict(headers, Origin="https://evil.example"), token=False)
        holds(answer.status in (401, 403, 421), f"{answer}")


@test
def no_route_is_served_without_a_credential(b):
    wrong = []
    for api, method, path, client in every(b):
        if path.split("?")[0] in OPEN:
            continue
        for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Bearer "}):
            answer = raw(client, method, path, headers, token=False)
            if answer.status != 401:
                wrong.append(f"{api} {method} {path} {headers}: {answer!r:.80}")
    same(wrong, [], "routes that answered")


@test
def the_credentials_of_one_api_do_not_open_the_other(b):
    same(b.kube.call("GET", "/api/v1/nodes", token=b.arm.bearer).status, 401, "an ARM token at the Kubernetes API")
    same(b.arm.call("GET", POOL, token=b.kube.bearer).status, 401, "a Kubernetes token at ARM")


@test
def own_hosts_are_let_in(b):
    port = b.arm.base.rsplit(":", 1)[1]
    for host in (f"127.0.0.1:{port}", f"localhost:{port}"):
        same(raw(b.arm, "GET", POOL + API, {"Host": host}).status, 200, host)


@test
def nothing_listens_beyond_loopback(b):
    pid = b.server.pid
    inodes = {m.group(1) for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir() if (m := re.match(r"socket:\[(\d+)\]", read_link(fd)))}
    found = []
    for table in ("tcp", "tcp6"):
        for line in pathlib.Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                found.append(fields[1].split(":")[0])
    holds(found, "its listeners are seen")
    same([a for a in found if a not in ("0100007F", "00000000000000000000000001000000")], [], "addresses beside loopback")


def read_link(path):
    """Target of a descriptor; a closed one has none."""
    try:
        return os.readlink(path)
    except OSError:
        return ""


@test
def bodies_depth_and_patches_are_limited(b):
    maps = "/api/v1/namespaces/default/configmaps"
    big = b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"big"},"data":{"a":"' + b"x" * (3 << 20) + b'"}}'
    holds(b.kube.call("POST", maps, big).status in (413, 422), "a body of 3 MiB and more")
    deep = b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"deep"},"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    same(b.kube.call("POST", maps, deep).status, 400, "depth")
    same(b.arm.call("PUT", b.arm.pool_path("deep"), b'{"properties":' + b"[" * 100_000 + b"]" * 100_000 + b"}", {"Content-Type": "application/json"}).status, 400, "depth at ARM")
    b.kube.call("POST", maps, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "bomb"}})
    patch = [{"op": "add", "path": "/metadata/annotations", "value": {}}] * 10_001
    holds(b.kube.call("PATCH", f"{maps}/bomb", patch, {"Content-Type": "application/json-patch+json"}).status in (413, 422), "10,001 patch operations")
    holds(b.arm.call("PUT", b.arm.pool_path("big"), b"[" + b"0," * (3 << 20) + b"0]", {"Content-Type": "application/json"}).status in (400, 413), "a body at ARM")
    same(b.kube.call("GET", "/readyz").status, 200, "it goes on")


@test
def slow_watchers_cost_little_and_have_a_limit(b):
    before = memory(b.server.pid)
    watchers = []
    url = b.kube.base.split("//")[1].split("/")[0].split(":")
    request = f"GET /api/v1/configmaps?watch=true HTTP/1.1\r\nHost: {url[0]}:{url[1]}\r\nAuthorization: Bearer {b.kube.bearer}\r\n\r\n".encode()
    try:
        for _ in range(200):
            plain = socket.create_connection((url[0], int(url[1])), timeout=10)
            watcher = b.kube.context.wrap_socket(plain, server_hostname=url[0])
            watcher.sendall(request)
            watchers.append(watcher)
        for n in range(50):
            b.kube.call("POST", "/api/v1/namespaces/default/configmaps", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"loud-{n}"}, "data": {"a": "x" * 20_000}})
        grown = memory(b.server.pid) - before
        holds(grown < 64, f"200 watchers that never read cost {grown:.0f} MiB (T8: 64 for a thousand)")
        same(b.kube.call("GET", "/readyz").status, 200, "others are served")
    finally:
        for watcher in watchers:
            watcher.close()


def memory(pid):
    """Resident memory in MiB."""
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1)) / 1024


@test
def certificates_are_short_lived_and_verified(b):
    import datetime
    from cryptography import x509  # comes with az
    for client in (b.arm, b.kube):
        host, port = client.base.split("//")[1].split(":")
        pem = ssl.get_server_certificate((host, int(port.split("/")[0])))
        certificate = x509.load_pem_x509_certificate(pem.encode())
        holds(certificate.not_valid_after_utc - certificate.not_valid_before_utc <= datetime.timedelta(days=90), "90 days or less (T13)")
        same(certificate.public_key().curve.name, "secp256r1", "P-256")


@test
def certificates_are_rotated_under_a_running_watch(b):
    host, port = b.kube.base.split("//")[1].split(":")
    serial = lambda: ssl.get_server_certificate((host, int(port.split("/")[0])))
    before, record = serial(), b.kube.watch("/api/v1/namespaces/default/configmaps")
    os.kill(b.server.pid, signal.SIGHUP)
    eventually(lambda: serial() != before, 10, "a new certificate is served")
    b.kube.call("POST", "/api/v1/namespaces/default/configmaps", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "after-rotation"}})
    time.sleep(0.5)
    holds("after-rotation" in [o["metadata"]["name"] for _, _, o in record.stop()], "the watch went on")
