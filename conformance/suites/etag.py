"""Conditional requests: the whole table of arm-wire section 6 and aks-semantics X-1.

Columns: verb, If-Match, If-None-Match; rows: the pool is absent or exists. TAG stands for the pool's own eTag, OLD for
one that it had before, quoted and weak spellings included.
"""
from harness.http import CLUSTER_PATH, new_pool
from harness.suite import holds, same, test

TABLE = [
    # verb, if-match, if-none-match, exists, status
    ("PUT", None, None, False, 201), ("PUT", None, None, True, 200),
    ("PUT", "*", None, False, 412), ("PUT", "*", None, True, 200),
    ("PUT", "TAG", None, False, 412), ("PUT", "TAG", None, True, 200),
    ("PUT", '"TAG"', None, True, 200), ("PUT", 'W/"TAG"', None, True, 200),
    ("PUT", "OLD", None, True, 412), ("PUT", '"OLD"', None, True, 412),
    ("PUT", None, "*", False, 201), ("PUT", None, "*", True, 412),
    ("PUT", None, "TAG", True, 400), ("PUT", None, "x", False, 400),
    ("PUT", "*", "*", True, 400), ("PUT", "TAG", "*", False, 400),
    ("DELETE", None, None, False, 204), ("DELETE", "*", None, False, 204), ("DELETE", "OLD", None, False, 204),
    ("DELETE", "OLD", None, True, 412), ("DELETE", '"OLD"', None, True, 412),
    ("DELETE", "TAG", None, True, 202), ("DELETE", "*", None, True, 202), ("DELETE", None, None, True, 202),
]


@test
def every_cell_of_the_table_is_answered_as_written(b):
    wrong = []
    for verb, match, none_match, exists, status in TABLE:
        name, tag, old = "tagged", "0", "00000000-0000-0000-0000-000000000000"
        if exists:
            old = b.arm.create(name)["properties"]["eTag"]
            b.arm.done(b.arm.change(name, tags={"n": "1"}))
            tag = b.arm.pool(name)["properties"]["eTag"]
            holds(tag != old, "an accepted change moves the eTag")
        headers = {k: v.replace("TAG", tag).replace("OLD", old) for k, v in (("if-match", match), ("if-none-match", none_match)) if v}
        body = {"properties": dict(new_pool(), tags={"n": "2"})} if verb == "PUT" else None
        answer = b.arm.call(verb, b.arm.pool_path(name), body, headers)
        code = answer.error["code"] if answer.status >= 400 else None
        expected = {412: "PreConditionFailed", 400: "BadRequest"}.get(status)
        if (answer.status, code) != (status, expected):
            wrong.append((verb, match, none_match, exists, status, repr(answer)))
        b.arm.finish(answer)
        b.arm.delete(name)
    same(wrong, [], f"of {len(TABLE)} cells")


@test
def a_pools_change_moves_its_own_tag_and_a_clusters_moves_all(b):
    b.arm.create("one"), b.arm.create("two")
    tags = lambda: {n: b.arm.pool(n)["properties"]["eTag"] for n in ("one", "two")}
    before = tags()
    b.arm.done(b.arm.change("one", tags={"a": "b"}))
    after = tags()
    holds(after["one"] != before["one"] and after["two"] == before["two"], "only the pool's own")
    cluster = b.arm.call("GET", CLUSTER_PATH).json
    b.arm.done(b.arm.call("PUT", CLUSTER_PATH, dict(cluster, tags={"a": "b"})))
    last = tags()
    holds(last["one"] != after["one"] and last["two"] != after["two"], "a cluster operation moves every pool's")


@test
def az_sends_its_conditions_quoted(b):
    tag = b.arm.pool("one")["properties"]["eTag"]
    b.az_pool("update", "-n", "one", "--tags", "a=c", "--if-match", tag).ok()
    b.az_pool("update", "-n", "one", "--tags", "a=d", "--if-match", tag).failed(1, "PreConditionFailed")
    b.az_pool("delete", "-n", "one", "--if-match", tag).failed(1)
    b.az_pool("delete", "-n", "one", "--if-match", b.arm.pool("one")["properties"]["eTag"]).ok()
    b.az_pool("add", "-n", "three", "-c", "1", "--if-none-match", "*").ok()
