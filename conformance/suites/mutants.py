"""Twenty rules, each switched off in a test build: the table of `az_rules` must then fail.

A row that passes with its rule off would test nothing. The binary is built with the feature `rules-off`, which no
release has; it reads NODELANE_RULE_OFF at start. Without such a binary beside ours the suite is skipped.
"""
import importlib
import os
import pathlib

from harness import suite
from harness.bench import Bench
from harness.suite import same, test

OWN_SERVER = True
RULES = ["N-1", "N-2", "L-4", "P-1", "V-1", "V-2", "V-4", "O-2", "Z-2", "S-2", "S-4", "LB-4", "LB-5", "T-1", "T-2", "M-1", "SP-1", "MS-2", "UV-1", "US-3"]


def binary(options):
    """The test build that xtask made, if it did."""
    return pathlib.Path(options.nodelane).parent.parent / "rules-off/nodelane"


def NEEDS(options):
    """Why this cannot run here."""
    return None if binary(options).exists() else "no build with the feature rules-off"


@test
def each_of_twenty_rules_is_missed_when_it_is_off(b):
    survived = []
    for rule in RULES:
        server = b.another(f"off-{rule}")
        server.binary = str(binary(b.options))
        server.up(env={"NODELANE_RULE_OFF": rule})
        try:
            if not missed(b, server, rule):
                survived.append(rule)
        finally:
            server.close()
    same(survived, [], "rules that nobody missed")


def missed(b, server, rule):
    """True when the rule's rows fail against this server."""
    bench = Bench.__new__(Bench)
    bench.options, bench.folder, bench.server, bench._others = b.options, b.folder, server, []
    bench.use()
    os.environ["NODELANE_CONFORMANCE_RULE"] = rule
    before = len(suite.TESTS)
    rules = importlib.reload(importlib.import_module("suites.az_rules"))
    del suite.TESTS[before:]
    tests = [rules.every_refusal_has_its_code_text_and_rule, rules.immutable_properties_do_not_change, rules.one_system_pool_remains]
    for function in tests:
        try:
            function(bench)
        except Exception:
            return True
    return False
