"""Identity and metadata routes, and what stands without a credential (arm-wire sections 3 and 6, security T6).
"""
import json
import pathlib
import stat

from harness.http import SUB
from harness.suite import holds, same, test


@test
def metadata_serves_az_and_terraform(b):
    answer = b.arm.call("GET", "/metadata/endpoints", api="2022-09-01", token=None)
    document = answer.json
    same(answer.status, 200, "status")
    base = b.arm.base
    same((document["resourceManager"].rstrip("/"), document["authentication"]["loginEndpoint"]), (base, base + "/adfs"), "addresses")
    same((document["authentication"]["identityProvider"], document["authentication"]["tenant"]), ("AAD", "common"), "what Terraform insists on")
    holds(document["name"] != "AzureStackCloud" and document["authentication"]["audiences"] and "suffixes" in document, "what az needs")
    holds(isinstance(b.arm.call("GET", "/metadata/endpoints", api="2020-06-01", token=None).json, list), "old versions answer a list")


@test
def discovery_names_the_token_route(b):
    document = b.arm.call("GET", "/adfs/.well-known/openid-configuration", api=None, token=None).json
    for key in ("issuer", "authorization_endpoint", "token_endpoint", "device_authorization_endpoint", "jwks_uri"):
        holds(document[key].startswith(b.arm.base + "/adfs"), f"{key}: {document[key]}")
    same(document["token_endpoint"], b.arm.base + "/adfs/oauth2/token", "token endpoint")


@test
def the_right_secret_gets_a_token_and_no_other_does(b):
    tenant = b.server.env()["ARM_TENANT_ID"]
    for path in ("/adfs/oauth2/token", f"/{tenant}/oauth2/v2.0/token", f"/{tenant}/oauth2/token", f"/adfs/{tenant}/oauth2/v2.0/token"):
        good = b.arm.token(path=path)
        same((good.status, good.json["token_type"]), (200, "Bearer"), path)
        holds(int(good.json["expires_in"]) <= 86400, "24 hours at most (T6)")
        bad = b.arm.token(secret="local", path=path)
        holds(bad.status in (400, 401) and "access_token" not in bad.json, f"wrong secret: {bad}")
        same(bad.json["error"], "invalid_client", path)


@test
def a_managed_identity_needs_its_header(b):
    answer = b.arm.call("GET", "/msi/token?resource=https://management.core.windows.net/", api="2019-08-01", token=None, headers={"Metadata": "true"})
    holds(answer.status in (400, 401, 403), f"without X-IDENTITY-HEADER: {answer}")


@test
def nothing_of_arm_is_served_without_a_token(b):
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic eDp5"}):
        answer = b.arm.call("GET", b.arm.pool_path("system"), headers=headers, token=None)
        same(answer.status, 401, f"{headers}: {answer}")
        challenge = answer.headers["WWW-Authenticate"]
        holds(challenge.startswith("Bearer authorization_uri=") and 'error="invalid_token"' in challenge, challenge)


@test
def subscriptions_tenants_and_providers_are_answered(b):
    same([s["subscriptionId"] for s in b.arm.call("GET", "/subscriptions", api="2022-12-01").json["value"]], [SUB], "subscriptions")
    same(b.arm.call("GET", f"/subscriptions/{SUB}", api="2022-12-01").json["state"], "Enabled", "subscription")
    same(len(b.arm.call("GET", "/tenants", api="2022-12-01").json["value"]), 1, "tenants")
    provider = b.arm.call("GET", f"/subscriptions/{SUB}/providers/Microsoft.ContainerService", api="2024-11-01").json
    same(provider["registrationState"], "Registered", "provider")
    holds("managedClusters/agentPools" in [t["resourceType"] for t in provider["resourceTypes"]], "resource types")


@test
def the_clients_copies_are_private_and_the_servers_are_hashed(b):
    env, status = b.server.env(), b.server.status()
    secrets = [env["ARM_CLIENT_SECRET"], pathlib.Path(status["clusters"][0]["tokenFile"]).read_text().strip()]
    holds(all(len(s) >= 32 for s in secrets) and len(set(secrets)) == 2, "long and different")
    files = [p for p in b.server.data.rglob("*") if p.is_file()]
    holders = [p for p in files if any(s.encode() in p.read_bytes() for s in secrets)]
    holds(holders, "the client's copies exist")
    for path in holders:
        same(stat.S_IMODE(path.stat().st_mode), 0o600, f"mode of {path.name}")
        holds(path.suffix not in (".db", ".sqlite", ".log") and "wal" not in path.name, f"{path.name}: the server keeps hashes")
    same(stat.S_IMODE(b.server.data.stat().st_mode), 0o700, "mode of the data directory")
    for key in [p for p in files if b"PRIVATE KEY" in p.read_bytes()]:
        same(stat.S_IMODE(key.stat().st_mode), 0o600, f"mode of {key.name}")


@test
def another_data_directory_has_other_secrets(b):
    other = b.another("other")
    other.up()
    try:
        holds(other.env()["ARM_CLIENT_SECRET"] != b.server.env()["ARM_CLIENT_SECRET"], "client secret")
        holds(b.arm.call("GET", b.arm.pool_path("system"), token="x" + b.arm.bearer).status == 401, "a changed token")
    finally:
        other.close()


@test
def status_has_the_documented_shape(b):
    status = b.server.status()
    same(sorted(status), ["arm", "clusters", "dataDir", "pid", "version"], "keys")
    same(sorted(status["clusters"][0]), ["kubeconfig", "name", "resourceGroup", "subscription", "tokenFile", "url"], "keys of a cluster")
    same(status["arm"]["url"].rstrip("/"), b.arm.base, "url")
    again = b.server.run("up", "--detach")
    same(again.returncode, 1, "a second up on data in use")
    holds(str(status["pid"]) in again.stderr, f"it names the pid: {again.stderr}")
    same(b.server.run("status", "-o", "json").returncode, 0, "still running")
    json.loads(b.server.run("status", "-o", "json").stdout)
