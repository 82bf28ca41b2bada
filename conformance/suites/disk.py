"""A full disk and a flipped byte (what was acknowledged stays, what cannot be kept is not acknowledged).

The full disk is a small memory file system of this suite's own; mounting it needs root. Space comes back while the server
runs, and it must go on without a restart.
"""
import os
import random
import subprocess

from harness.suite import Skipped, eventually, holds, same, test

OWN_SERVER = True
MAPS = "/api/v1/namespaces/default/configmaps"


def body(name, size):
    """An object of about `size` bytes."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"x": "y" * size}}


@test
def a_full_disk_refuses_writes_answers_reads_and_recovers(b):
    if os.geteuid() != 0:
        raise Skipped("a file system of our own can be mounted by root only")
    server = b.server
    server.data.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m,mode=700", "tmpfs", str(server.data)], capture_output=True, text=True)
    if mounted.returncode != 0:
        raise Skipped(f"this machine mounts nothing: {mounted.stderr.strip()}")
    try:
        server.up()
        b.use()
        ballast = server.data / "ballast"
        with open(ballast, "wb") as file:
            try:
                while True:
                    file.write(b"\0" * (1 << 20))
                    file.flush()
            except OSError:
                pass
        kept, refused = [], None
        for n in range(400):
            answer = b.kube.call("POST", MAPS, body(f"full-{n}", 100_000))
            if answer.status != 201:
                refused = answer
                break
            kept.append(f"full-{n}")
        holds(refused is not None, "writes are refused in the end")
        holds(refused.status in (500, 503, 507) and refused.json["kind"] == "Status" and "space" in refused.json["message"].lower(), f"a clear error: {refused}")
        same(b.arm.call("GET", b.arm.pool_path("system")).status, 200, "reads are answered")
        same(b.kube.call("GET", f"{MAPS}/{kept[-1]}").status if kept else 200, 200, "what was acknowledged")
        ballast.unlink()
        eventually(lambda: b.kube.call("POST", MAPS, body("after", 10)).status in (201, 409), 20, "it takes writes again, without a restart")
        server.kill()
        server.up()
        names = {o["metadata"]["name"] for o in b.kube.items(MAPS)}
        same([n for n in kept + ["after"] if n not in names], [], "acknowledged objects after a kill")
    finally:
        server.close()
        subprocess.run(["umount", str(server.data)], check=False)


@test
def a_flipped_byte_is_found_and_named(b):
    server = b.another("flipped")
    server.up()
    b.server = server
    b.use()
    for n in range(50):
        same(b.kube.call("POST", MAPS, body(f"m{n}", 2000)).status, 201, "write")
    server.run("down")
    files = sorted((p for p in server.data.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    store = files[-1]
    whole = store.read_bytes()
    dice, silent = random.Random(7), []
    for _ in range(40 if b.options.full else 8):
        at = dice.randrange(len(whole))
        store.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << dice.randrange(8))]) + whole[at + 1:])
        done = server.run("up", "--detach")
        if done.returncode == 0:
            # It came up: then the byte was in no record, and every object must read as it was written.
            objects = {o["metadata"]["name"]: o for o in b.kube.items(MAPS)}
            if any(objects.get(f"m{n}", {}).get("data", {}).get("x") != "y" * 2000 for n in range(50)):
                silent.append(at)
            server.run("down")
        elif not any(word in done.stderr.lower() for word in ("checksum", "corrupt", "damaged", "malformed")):
            silent.append((at, done.stderr[-200:]))
    store.write_bytes(whole)
    same(silent, [], f"flips in {store.name} that nobody named")
