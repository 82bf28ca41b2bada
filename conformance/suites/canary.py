"""Secrets go in through every door that takes one, and come out through none (security T6).

What they left in files is searched at the end of the run, with the leftovers of all other suites: see harness/canary.py. Here: what
the server answers, to those who may read everything else.
"""
import base64
import json

from harness.canary import CANARIES, forms, leaks
from harness.http import GROUP_PATH
from harness.suite import eventually, holds, same, test

SECRETS = "/api/v1/namespaces/default/secrets"
OTHER = f"{GROUP_PATH}/providers/Microsoft.ContainerService/managedClusters/canary"


def silent(answers, what):
    """None of the answers shows a canary."""
    for name, text in answers.items():
        seen = [door for door, canary in CANARIES.items() if any(form.decode() in text for form in forms(canary))]
        same(seen, [], f"{what}: {name} shows")


@test
def secrets_in_a_clusters_body_are_taken_and_not_shown(b):
    body = {"location": "eastus", "identity": {"type": "SystemAssigned"}, "properties": {
        "dnsPrefix": "canary", "agentPoolProfiles": [{"name": "system", "mode": "System", "count": 1, "vmSize": "Standard_D2s_v5"}],
        "windowsProfile": {"adminUsername": "azureuser", "adminPassword": CANARIES["windows-password"]},
        "servicePrincipalProfile": {"clientId": "11111111-1111-1111-1111-111111111111", "secret": CANARIES["principal-secret"]},
        "aadProfile": {"serverAppID": "11111111-1111-1111-1111-111111111111", "serverAppSecret": CANARIES["aad-secret"]}}}
    made = b.arm.call("PUT", OTHER, body)
    holds(made.status in (200, 201), f"PUT: {made}")
    b.arm.finish(made)
    shown = b.arm.call("GET", OTHER)
    same(shown.json["properties"]["windowsProfile"].get("adminUsername"), "azureuser", "what is no secret is shown")
    refused = b.arm.call("PUT", OTHER, {"location": "eastus", "properties": dict(body["properties"], kubernetesVersion="9.9.9")})
    broken = b.arm.call("PUT", OTHER, json.dumps(body).encode()[:-1] + b', "x": ' + CANARIES["malformed"].encode())
    holds(refused.status >= 400 and broken.status == 400, f"refused: {refused} {broken}")
    listed = b.arm.call("GET", f"{GROUP_PATH}/providers/Microsoft.ContainerService/managedClusters")
    silent({"PUT": str(made.body), "GET": str(shown.body), "a refusal": str(refused.body), "no JSON": str(broken.body), "list": str(listed.body)}, "ARM")


@test
def a_wrong_credential_is_not_repeated(b):
    token = b.arm.token(secret=CANARIES["wrong-client-secret"])
    arm = b.arm.call("GET", GROUP_PATH, token=CANARIES["wrong-bearer"])
    kube = b.kube.call("GET", "/api/v1/nodes", token=CANARIES["wrong-bearer"])
    same((arm.status, kube.status), (401, 401), "refused")
    silent({"token": str(token.body), "ARM": str(arm.body) + str(arm.headers), "Kubernetes": str(kube.body) + str(kube.headers)}, "a refusal")


@test
def the_data_of_a_secret_is_shown_to_who_reads_it_and_nowhere_else(b):
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "canary"}, "data": {"k": base64.b64encode(CANARIES["kubernetes-data"].encode()).decode()},
            "stringData": {"s": CANARIES["kubernetes-string"]}}
    made = b.kube.call("POST", SECRETS, body)
    same((made.status, base64.b64decode(made.json["data"]["s"]).decode()), (201, CANARIES["kubernetes-string"]), f"{made.status}")
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "canary"}, "spec": {"containers": [{"name": "c", "image": "x", "env": [
        {"name": "S", "valueFrom": {"secretKeyRef": {"name": "canary", "key": "s"}}}]}]}}
    same(b.kube.call("POST", "/api/v1/namespaces/default/pods", pod).status, 201, "a pod that uses it")
    eventually(lambda: b.kube.call("GET", "/api/v1/namespaces/default/pods/canary").json["status"].get("phase") == "Running", 15, "it runs")
    refusals = {
        "again": b.kube.call("POST", SECRETS, body), "not base64": b.kube.call("POST", SECRETS, dict(body, metadata={"name": "c2"}, data={"k": CANARIES["malformed"] + "%"})),
        "another type": b.kube.call("PUT", f"{SECRETS}/canary", dict(made.json, type="kubernetes.io/tls")),
        "no JSON": b.kube.call("POST", SECRETS, json.dumps(body).encode()[:-1]), "a bad name": b.kube.call("POST", SECRETS, dict(body, metadata={"name": "Not_A_Name"})),
    }
    same([name for name, answer in refusals.items() if answer.status < 400], [], "refused")
    silent({name: str(answer.body) for name, answer in refusals.items()}, "a refusal")
    shows = {"describe": b.kubectl("describe", "secret,pod", "canary"), "get": b.kubectl("get", "secrets,pods,events", "-A", "-o", "wide"),
             "logs": b.kubectl("logs", "canary"), "events": b.kubectl("get", "events", "-A", "-o", "json"), "status": b.nodelane("status", "-o", "json"),
             "export": b.nodelane("export", "nodepool", "-o", "json"), "pools": b.nodelane("nodepool", "list", "-g", "lanes", "--cluster-name", "dev", "-o", "json"),
             "faults": b.nodelane("fault", "list"), "az": b.az_pool("list"), "az --debug": b.az_pool("list", "--debug")}
    silent({name: ran.out + ran.err for name, ran in shows.items()}, "output")


@test
def a_leak_would_be_seen(b):
    """The search itself: each canary and each secret of this server, planted in a log, is found."""
    log = b.folder / "planted.log"
    own = [p.read_text().strip() for p in (b.server.data / "client").glob("*.token")]
    for text in [*CANARIES.values(), *own, "x=" + base64.b64encode(b"a:" + CANARIES["wrong-bearer"].encode()).decode(), b.arm.bearer]:
        log.write_text(f"2026 refused {text}!")
        found = [leak for leak in leaks(b.folder) if "planted.log" in leak]
        log.unlink()
        holds(found, f"{text[:20]}… is found")
