"""Tests and what they say.

A suite is a module in `suites/`; a test is a function under `@test`, named as a sentence, that takes the
bench `b` (see bench.py). Tests of a suite run in the order of the file, on one server, in one process.
A suite may set PROFILE (boot profile), OWN_SERVER = True (its tests start servers themselves), FULL_ONLY,
NEEDS (a function that returns why the suite cannot run here, or None) and `setup(b)`.
"""
import time

TESTS = []


def test(function):
    """Registers a test of the suite that is being imported."""
    TESTS.append(function)
    return function


class Failed(AssertionError):
    """A test that did not hold; the text is what a reader needs to see."""


class Skipped(Exception):
    """A test that this machine cannot run; it counts neither as passed nor as failed."""


def same(actual, expected, what):
    """`actual` equals `expected`."""
    if actual != expected:
        raise Failed(f"{what}: expected {expected!r}, got {actual!r}")
    return actual


def holds(condition, what):
    """`condition` is true; `what` says what should have been so, and what was."""
    if not condition:
        raise Failed(what() if callable(what) else what)


def eventually(probe, seconds, what, every=0.1):
    """Returns the first true value of `probe`; fails after `seconds` with its last value."""
    end = time.monotonic() + seconds
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(f"{what}: not within {seconds} s; last seen {value!r}")
        time.sleep(every)
