"""Runs the conformance suites: real clients against our server. Ends with `N passed, N failed`.

    run.py --nodelane BINARY --kubectl KUBECTL --peers FOLDER --results FOLDER [--full] [-k WORD] [-j 2] [SUITE ...]

Each suite runs in a process and on a server of its own, two at a time. The results of every test
are also written to FOLDER/results.json, with the output of each suite beside it.
"""
import argparse
import importlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
SUITE_SECONDS = 420  # the longest suite takes a third of this on two busy cores; a hang must not eat the whole run


def parse():
    """The command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--nodelane", required=True)
    parser.add_argument("--kubectl", default="kubectl")
    parser.add_argument("--peers", type=pathlib.Path, default=HERE.parent / "target/peers")
    parser.add_argument("--results", type=pathlib.Path, default=HERE.parent / "target/conformance")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("-k", default="")
    parser.add_argument("-j", type=int, default=2)
    parser.add_argument("--worker")
    parser.add_argument("suites", nargs="*")
    return parser.parse_args()


def worker(options):
    """One suite, in this process; prints a line a test and writes RESULTS/SUITE.json."""
    from harness import suite
    from harness.bench import Bench
    name = options.worker
    results, bench, begin = [], None, time.monotonic()

    def attempt(sentence, action):
        start = time.monotonic()
        try:
            action()
            error = None
        except suite.Skipped as reason:
            print(f"skip {name}: {sentence.replace('_', ' ')}: {reason}", flush=True)
            return
        except suite.Failed as failure:
            lines = [f.lineno for f in traceback.extract_tb(failure.__traceback__) if f.filename.endswith(f"{name}.py")]
            error = f"line {lines[-1] if lines else '?'}: {failure}"
        except Exception:  # a test may fail in any way
            error = traceback.format_exc(limit=-4)
        seconds = round(time.monotonic() - start, 2)
        results.append({"suite": name, "test": sentence, "seconds": seconds, "error": error})
        print(f"{'FAIL' if error else 'ok  '} {name}: {sentence.replace('_', ' ')} {seconds} s", flush=True)
        if error:
            print("    " + error.strip().replace("\n", "\n    "), flush=True)

    module = importlib.import_module(f"suites.{name}")
    tests = [t for t in suite.TESTS if options.k in name or options.k in t.__name__]
    reason = module.NEEDS(options) if hasattr(module, "NEEDS") else None
    if getattr(module, "FULL_ONLY", False) and not options.full:
        reason = "runs with --full only"
    if reason:
        print(f"skip {name}: {reason}", flush=True)
        tests = []
    if tests:
        folder = options.results / "run" / name
        shutil.rmtree(folder, ignore_errors=True)

        def begin_suite():
            nonlocal bench
            bench = Bench(options, folder, getattr(module, "PROFILE", "instant"), not getattr(module, "OWN_SERVER", False))
            if hasattr(module, "setup"):
                module.setup(bench)
        try:
            start = time.monotonic()
            begin_suite()
            print(f"     {name}: server ready after {time.monotonic() - start:.1f} s", flush=True)
            for function in tests:
                attempt(function.__name__, lambda: function(bench))
        except Exception:
            # Without its server no test of the suite ran: all of them failed, for the one reason shown.
            error = traceback.format_exc(limit=-3)
            print(f"FAIL {name}: the suite could not start: {error}", flush=True)
            results += [{"suite": name, "test": t.__name__, "seconds": 0, "error": "the suite could not start"} for t in tests]
        finally:
            if bench is not None:
                bench.close()
    (options.results / f"{name}.json").write_text(json.dumps({"seconds": time.monotonic() - begin, "results": results}))


def supervise(options, name):
    """Runs a suite's process to its end and passes its lines on; returns its results."""
    file = options.results / f"{name}.json"
    file.unlink(missing_ok=True)
    command = [sys.executable, str(HERE / "run.py"), "--worker", name, "--nodelane", options.nodelane, "--kubectl", options.kubectl,
               "--peers", str(options.peers), "--results", str(options.results), "-k", options.k] + ["--full"] * options.full
    environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", PYTHONWARNINGS="ignore")
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
    limit = threading.Timer(SUITE_SECONDS * (6 if options.full else 1), child.kill)
    limit.start()
    with open(options.results / f"{name}.log", "w") as log:
        for line in child.stdout:
            log.write(line)
            print(line, end="", flush=True)
    code = child.wait()
    limit.cancel()
    if code != 0:
        # The process could not end its servers itself; each is asked by its own data folder.
        for data in (options.results / "run" / name).glob("*/data"):
            subprocess.run([options.nodelane, "down", "--data-dir", str(data)], capture_output=True, check=False, timeout=30)
    if code != 0 or not file.exists():
        text = f"the suite's process ended with {code}"
        print(f"FAIL {name}: {text}", flush=True)
        return [{"suite": name, "test": "the suite ends by itself", "seconds": 0, "error": text}]
    return json.loads(file.read_text())["results"]


def main():
    """Every suite, or those named."""
    options = parse()
    options.nodelane = str(pathlib.Path(options.nodelane).resolve())
    options.kubectl = shutil.which(options.kubectl) or options.kubectl
    options.peers, options.results = options.peers.resolve(), options.results.resolve()
    options.results.mkdir(parents=True, exist_ok=True)
    if options.worker:
        return worker(options)
    # The slow ones first, so that two lanes end together.
    slow = ["upgrade", "upgrade_limits", "crash", "az_pools", "az_lro", "kubectl_core", "cli_equality"]
    names = sorted(p.stem for p in (HERE / "suites").glob("*.py") if p.stem != "__init__")
    names = [n for n in slow if n in names] + [n for n in names if n not in slow]
    waiting = [n for n in names if not options.suites or n in options.suites]
    results, lock = [], threading.Lock()

    def lane():
        while True:
            with lock:
                if not waiting:
                    return
                name = waiting.pop(0)
            found = supervise(options, name)
            with lock:
                results.extend(found)

    lanes = [threading.Thread(target=lane) for _ in range(options.j)]
    for thread in lanes:
        thread.start()
    for thread in lanes:
        thread.join()
    from harness.canary import leaks
    found = leaks(options.results)
    results.append({"suite": "canary", "test": "no_secret_is_in_what_the_run_left_behind", "seconds": 0, "error": "\n".join(found) or None})
    print(f"{'FAIL' if found else 'ok  '} canary: no secret is in what the run left behind", *found, sep="\n    ", flush=True)
    (options.results / "results.json").write_text(json.dumps(results, indent=1))
    failed = [r for r in results if r["error"]]
    for r in failed:
        print(f"FAILED {r['suite']}: {r['test'].replace('_', ' ')}")
    print(f"{len(results) - len(failed)} passed, {len(failed)} failed", flush=True)
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main())
