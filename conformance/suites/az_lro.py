"""Long-running operations on the wire and as az sees them: headers, polling, busy pools, abort, preemption, repeats.

Expected: arm-wire section 2 (LRO), aks-semantics 4.9 (PS, LK, AB) and section 9 item 0. Machines take seconds here
(profile fast), so that there is something to meet.
"""
import re
import uuid

from harness.http import CLUSTER_PATH, new_pool, writable
from harness.suite import eventually, holds, same, test

PROFILE = "fast"
GUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@test
def a_new_pool_answers_201_with_an_operation_to_poll(b):
    answer = b.arm.put("np1", new_pool())
    same((answer.status, answer.json["properties"]["provisioningState"]), (201, "Creating"), "PUT")
    address = answer.headers["Azure-AsyncOperation"]
    holds(re.fullmatch(rf"https://127\.0\.0\.1:\d+/subscriptions/[^/]+/providers/Microsoft\.ContainerService/locations/eastus/operations/{GUID}\?api-version=\S+", address, re.I), address)
    holds(answer.headers["Retry-After"].isdigit() and int(answer.headers["Retry-After"]) >= 1, "Retry-After is an integer of at least 1")
    poll = b.arm.call("GET", address)
    same((poll.status, poll.json["status"], poll.json["name"] in address), (200, "InProgress", True), f"poll {poll}")
    holds(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", poll.json["startTime"]), "start time")
    holds("Retry-After" in poll.headers and "endTime" not in poll.json, "still running")
    holds(poll.headers["Content-Type"].startswith("application/json"), "content type")
    done = b.arm.finish(answer)
    same(done["status"], "Succeeded", f"end {done}")
    holds(done["endTime"] >= done["startTime"], "end time")
    same(b.arm.pool("np1")["properties"]["provisioningState"], "Succeeded", "pool")
    same(len(b.nodes_of("np1")), 1, "Succeeded only when Kubernetes shows it")


@test
def every_answer_carries_the_request_ids(b):
    mine = str(uuid.uuid4())
    answer = b.arm.call("GET", b.arm.pool_path("np1"), headers={"x-ms-client-request-id": mine, "x-ms-correlation-request-id": mine})
    holds(answer.headers["x-ms-request-id"], "x-ms-request-id")
    same((answer.headers["x-ms-correlation-request-id"], answer.headers["x-ms-client-request-id"]), (mine, mine), "echo")
    same((answer.headers["Cache-Control"], answer.headers["Content-Type"].lower().replace(" ", "")), ("no-cache", "application/json;charset=utf-8"), "headers")


@test
def an_equal_put_is_answered_at_once(b):
    answer = b.arm.change("np1")
    same((answer.status, answer.headers.get("Azure-AsyncOperation"), answer.json["properties"]["provisioningState"]), (200, None, "Succeeded"), "PUT")


@test
def a_busy_pool_refuses_another_change(b):
    first = b.arm.change("np1", count=2)
    same((first.status, first.json["properties"]["provisioningState"]), (200, "Scaling"), "scale")
    second = b.arm.change("np1", count=3)
    same((second.status, second.error["code"], second.error["message"]), (409, "OperationNotAllowed",
         "Operation is not allowed: Another agentpool operation (np1 - Scaling) is in progress, please wait for it to finish before starting a new operation. "
         "See https://aka.ms/aks-pending-operation for more details"), "LK-1")
    holds("error" not in second.json, "the service's own refusals have no wrapper")
    cluster = b.arm.call("GET", CLUSTER_PATH).json
    third = b.arm.call("PUT", CLUSTER_PATH, dict(cluster, tags={"a": "b"}))
    same((third.status, third.error["code"]), (409, "OperationNotAllowed"), "LK-3")
    holds(third.error["message"].startswith("Managed Cluster operation is not allowed: Another operation (Scaling) is in progress on agent pool (np1), please wait"), third)
    b.arm.done(first)


@test
def a_transport_repeat_gets_the_first_answer(b):
    mine = {"x-ms-client-request-id": str(uuid.uuid4())}
    body = dict(b.arm.pool("np1")["properties"], count=1)
    first, second = b.arm.put("np1", body, mine), b.arm.put("np1", body, mine)
    same(second.status, first.status, f"repeat {second}")
    operation = lambda r: re.search(GUID, r.headers["Azure-AsyncOperation"].split("/operations/")[1]).group()
    same(operation(second), operation(first), "the same operation")
    b.arm.done(first)


@test
def pools_work_side_by_side(b):
    answers = [b.arm.put(f"side{i}", new_pool()) for i in range(3)]
    same([a.status for a in answers], [201] * 3, "LK-5")
    for answer in answers:
        b.arm.done(answer)


@test
def delete_answers_202_and_ends_in_404(b):
    answer = b.arm.call("DELETE", b.arm.pool_path("side0"))
    same(answer.status, 202, f"DELETE {answer}")
    holds("Azure-AsyncOperation" in answer.headers and "/operationresults/" in answer.headers["Location"].lower(), "both headers")
    same(b.arm.call("GET", answer.headers["Location"]).status, 202, "result while running")
    same(b.arm.pool("side0")["properties"]["provisioningState"], "Deleting", "state")
    again = b.arm.change("side0", count=3)
    holds(again.status == 409 and again.error["message"].startswith("Unable to perform 'Scaling' operation on 'side0' since deletion was issued on 'side0'. "
          "The only allowed operation is deletion once deletion has started."), f"LK-4: {again}")
    b.arm.done(answer)
    same(b.arm.call("GET", answer.headers["Location"]).status, 204, "result when done")
    same(b.arm.call("GET", b.arm.pool_path("side0")).status, 404, "pool")
    same(b.arm.call("GET", answer.headers["Azure-AsyncOperation"]).json["status"], "Succeeded", "an operation outlives its pool")
    same(b.arm.call("DELETE", b.arm.pool_path("side0")).status, 204, "DELETE of nothing")


@test
def delete_preempts_a_running_operation(b):
    scale = b.arm.change("side1", count=4)
    gone = b.arm.call("DELETE", b.arm.pool_path("side1"))
    same(gone.status, 202, f"DELETE {gone}")
    ended = b.arm.finish(scale)
    same((ended["status"] != "Succeeded", ended["error"]["code"], ended["error"]["message"]),
         (True, "AKSOperationPreemptedByDelete", "This operation has been preempted by Deleting operation."), "LK-6")
    b.arm.done(gone)


@test
def abort_cancels_and_the_pool_goes_on(b):
    b.az_pool("update", "-n", "side2", "--labels", "a=b").ok()
    same(b.arm.call("POST", b.arm.pool_path("side2") + "/abort").status, 204, "nothing to abort")
    scale = b.arm.change("side2", count=6)
    abort = b.arm.call("POST", b.arm.pool_path("side2") + "/abort")
    same(abort.status, 202, f"abort {abort}")
    b.arm.done(abort)
    same(b.arm.finish(scale)["status"], "Canceled", "the operation that was aborted")
    pool = b.arm.pool("side2")
    same(pool["properties"]["provisioningState"], "Canceled", "pool")
    eventually(lambda: len(b.nodes_of("side2")) == b.arm.pool("side2")["properties"]["count"], 20, "count is what exists")
    b.arm.done(b.arm.change("side2", count=1))
    same(len(b.nodes_of("side2")), 1, "a canceled pool accepts changes")


@test
def an_aborted_stop_runs_again_with_its_count(b):
    stop = b.arm.change("side2", powerState={"code": "Stopped"})
    same((stop.status, stop.json["properties"]["provisioningState"]), (200, "Stopping"), "stop")
    b.az_pool("operation-abort", "-n", "side2").ok()
    same(b.arm.finish(stop)["status"], "Canceled", "stop")
    pool = b.arm.pool("side2")["properties"]
    same((pool["powerState"]["code"], pool["count"]), ("Running", 1), "restored")
    eventually(lambda: len(b.nodes_of("side2")) == 1, 30, "its node runs")


@test
def no_wait_returns_before_the_nodes_are_there(b):
    same(b.az_pool("add", "-n", "later", "-c", "2", "--no-wait").ok().out.strip(), "", "no output")
    same(b.az_pool("show", "-n", "later", "-o", "json").ok().json["provisioningState"], "Creating", "state")
    same(b.nodes_of("later"), [], "nodes")
    b.az_pool("wait", "-n", "later", "--created", "--interval", "1", "--timeout", "60").ok()
    same(len(b.nodes_of("later")), 2, "nodes")


@test
def a_machine_that_never_registers_fails_the_operation_with_the_reason(b):
    b.nodelane("fault", "set", "allocation", "--pool", "broken", "--rate", "100").ok()
    answer = b.arm.put("broken", new_pool())
    ended = b.arm.finish(answer)
    same(ended["status"], "Failed", f"operation {ended}")
    holds("AllocationFailed" in str(ended["error"]), f"the cause is in the error (E4, E5): {ended}")
    same(b.arm.pool("broken")["properties"]["provisioningState"], "Failed", "pool")
    same(b.arm.change("broken", powerState={"code": "Stopped"}).status >= 400, True, "a failed pool does not stop (PS-2)")
    b.nodelane("fault", "clear", "--all").ok()
    b.arm.done(b.arm.change("broken"))
    same(len(b.nodes_of("broken")), 1, "the same PUT resumes (PS-2)")


@test
def throttled_calls_are_repeated_by_az(b):
    b.nodelane("fault", "set", "api-throttle", "--count", "2").ok()
    first = b.arm.call("GET", b.arm.pool_path("np1"))
    same((first.status, first.error["code"], first.headers["Retry-After"]), (429, "Throttled", "1"), f"E20: {first}")
    same(b.az_pool("show", "-n", "np1", "-o", "json").ok().json["name"], "np1", "az comes again")
    same(b.arm.call("GET", b.arm.pool_path("np1")).status, 200, "the fault is used up")
    b.nodelane("fault", "set", "api-throttle", "--rate", "50").ok()
    same(sum(b.arm.call("GET", b.arm.pool_path("np1")).status == 429 for _ in range(10)), 5, "half of the calls")
    b.nodelane("fault", "clear", "--all").ok()


@test
def the_limits_of_aks_hold_where_they_are_asked_for(b):
    limits = {"apiVersion": "nodelane.dev/v1", "kind": "Fault", "metadata": {"name": "limits"}, "spec": {"kind": "api-throttle", "rate": 0}}
    same(b.kube.call("POST", "/apis/nodelane.dev/v1/faults", limits).status, 201, "fault")
    body = writable(b.arm.pool("np1"))
    same([b.arm.put("np1", body).status for _ in range(21)], [200] * 20 + [429], "20 PUTs of a pool, and one a minute (X-2)")
    last = b.arm.put("np1", body)
    holds(55 <= int(last.headers["Retry-After"]) <= 61, f"when there is a token again: {last.headers['Retry-After']}")
    same(b.kube.call("DELETE", "/apis/nodelane.dev/v1/faults/limits").status, 200, "clear")
    same(b.arm.put("np1", body).status, 200, "no limits")


@test
def a_clusters_operation_runs_to_its_end(b):
    abort = lambda: b.arm.call("POST", CLUSTER_PATH + "/abort")
    same(abort().status, 204, "nothing to abort")
    stop = b.arm.call("POST", CLUSTER_PATH + "/stop")
    same(stop.status, 202, f"stop {stop}")
    refused = abort()
    same((refused.status, refused.error["code"]), (409, "OperationNotAllowed"), f"{refused}")
    b.arm.done(stop)
    b.arm.done(b.arm.call("POST", CLUSTER_PATH + "/start"))


@test
def routes_take_any_case_and_any_version(b):
    path = b.arm.pool_path("np1").replace("resourceGroups", "resourcegroups").replace("managedClusters/dev", "managedclusters/DEV").replace("agentPools", "AGENTPOOLS")
    for api in ("2026-06-01", "2025-10-01", "2026-07-02-preview"):
        same(b.arm.call("GET", path, api=api).status, 200, f"api-version {api}")
    missing = b.arm.call("GET", path, api=None)
    same((missing.status, missing.json["error"]["code"], missing.headers["x-ms-failure-cause"]), (400, "MissingApiVersionParameter", "gateway"), "no api-version")


@test
def unknown_properties_are_kept(b):
    b.arm.done(b.arm.change("np1", futureSetting={"deep": [1, "x"]}))
    same(b.arm.pool("np1")["properties"].get("futureSetting"), {"deep": [1, "x"]}, "echo")
    b.arm.done(b.arm.change("np1", tags={"a": "b"}))
    same(b.arm.pool("np1")["properties"].get("futureSetting"), {"deep": [1, "x"]}, "kept by other changes")
