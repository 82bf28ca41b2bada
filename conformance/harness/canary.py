"""Secrets, and where they may not be: what a run left behind is searched for all of them (security T6).

Searched: every file under the results: logs of suites and servers, what clients printed and what was refused (the bench writes both down),
and the data directories, byte by byte. A secret may lie in the client's copies (`data/client`, a kubeconfig that az wrote, a state that terraform wrote), a key in its own file. The data of a
Kubernetes Secret is what its users read back, so it is in the cells; it is nowhere else.
"""
import base64
import re

# Doors and what is put through them; the same in every run, so that any run's leftovers can be searched.
CANARIES = {door: f"canary-{door}-7d1f0b6e93" for door in (
    "windows-password", "principal-secret", "aad-secret", "wrong-client-secret", "wrong-bearer", "kubernetes-data", "kubernetes-string", "malformed")}
IN_CELLS = ("kubernetes-data", "kubernetes-string")
# Commands that exist to hand a secret to the one who asks.
HANDS_OUT = {"env", "get-credentials", "get-access-token", "view"}
TOKEN = re.compile(rb"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{16,}")


def forms(text):
    """A secret as it may lie about: plain and in base64, at any of its three alignments."""
    plain = text.encode()
    yield plain
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + plain)
        yield whole[4 if shift else 0:len(whole) // 4 * 4 - 4]


def own_secrets(data):
    """{where it belongs: its bytes} of one data directory."""
    found = {}
    for path in [*data.glob("client/*.token"), *data.glob("client/*.secret"), *data.glob("*.key")]:
        text = path.read_bytes().strip()
        lines = [line for line in text.splitlines() if not line.startswith(b"-----")]
        found[path] = max(lines, key=len, default=text) if path.suffix != ".token" else text
    return {path: secret for path, secret in found.items() if len(secret) >= 16}


def leaks(results):
    """Sentences: each a secret and the file in which it should not be."""
    secrets = [(door, form, None) for door, text in CANARIES.items() for form in forms(text)]
    for data in {path.parent for path in results.rglob("server.json")}:
        secrets += [(f"{path.name} of {data.parent.name}", secret, path) for path, secret in own_secrets(data).items()]
    found = []
    for path in sorted(p for p in results.rglob("*") if p.is_file()):
        in_data = next((p.name for p in path.parents if p.parent.name == "data"), "")
        if in_data == "client" or path.name.endswith("kubeconfig") or path.name.startswith("terraform.tfstate"):
            continue
        content = path.read_bytes()
        for name, secret, home in secrets:
            if secret in content and path != home and not (in_data == "cells" and name in IN_CELLS):
                found.append(f"{name} is in {path.relative_to(results)}")
        if TOKEN.search(content):
            found.append(f"an access token is in {path.relative_to(results)}")
    return sorted(set(found))
