"""Simple regrets of synth's optimisers beside other packages', under the same budget on the same black boxes.

    python compare_optimizers.py --bench PATH --synth PATH --peers synth,botorch,random --problems branin2 --seeds 20
                                 --out regrets.jsonl
    python compare_optimizers.py table regrets.jsonl [--within 2]

Everybody is told the same 16 starting sets with their values, then proposes 10 batches of 8 and is told the 8
values of one before it is asked for the next; a set proposed twice counts twice. Everybody knows the types and
scales of the parameters and whether values are noisy; optimizer_peers.py says how each is set up. The regret
after a batch is, for all by the same rule, the noise-free one of the evaluated set whose values have the lowest
mean. A peer that fails, or computes for more than --limit CPU seconds on a batch, is recorded with the message
and keeps the regret it had. All run on one thread. `synth` is --optimizer's, `synth:gp` that of `gp`.

The bench program is called as

    PATH problems            a line {"problem": "mixed", "noisy": false, "space": {"parameters": [..]}} for each
    PATH start mixed 0       16 lines {"params": {..}} for seed 0
    PATH evaluate            answers each line {"problem": "mixed", "seed": 0, "index": 17, "params": {..}} with
                             a line {"value": 0.12, "regret": 0.1}: what is told, and the truth

A parameter is {"name": "n", "type": "int", "low": 1, "high": 9, "log": true}, a `float` alike, or of the type
`choice` with "choices": ["a", "b"]. Needs the packages of the peers asked for; run with Python 3.11,
botorch 0.18.1, gpytorch 1.15.2, torch 2.15.0, optuna 5.0.0, cmaes 0.13.1, cma 4.5.0, egobox 1.0.0,
nevergrad 1.0.12, smac 2.4.1, numpy 2.3.5 (nevergrad 1.0.12 fails with 2.4), and HEBO 0.3.6 with numpy 1.24.4,
GPy 1.13.2 and pymoo 0.6.2 in an environment of its own (--python hebo=PATH).
"""
import argparse
import json
import math
import os
import platform
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from optimizer_peers import PEERS

START, BATCHES, BATCH = 16, 10, 8
FLOOR = 1e-6  # regrets below count as this in a ratio
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")


class Evaluations:
    """A problem's black box, and the sets evaluated so far."""

    def __init__(self, bench, problem, seed):
        self.process = subprocess.Popen([bench, "evaluate"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.problem, self.seed, self.index, self.seen = problem, seed, 0, {}

    def values(self, sets):
        out = []
        for params in sets:
            question = {"problem": self.problem, "seed": self.seed, "index": self.index, "params": params}
            print(json.dumps(question), file=self.process.stdin, flush=True)
            answer = json.loads(self.process.stdout.readline())
            self.index += 1
            seen = self.seen.setdefault(json.dumps(params, sort_keys=True), (answer["regret"], []))
            seen[1].append(answer["value"])
            out.append(answer["value"])
        return out

    def regret(self):
        return min(self.seen.values(), key=lambda seen: statistics.fmean(seen[1]))[0]


class Synth:
    """synth's CLI, a process for every batch, on one thread."""

    def __init__(self, parameters, noisy, seed, sets, values, program, optimizer, limit):
        self.command = [program, "ask", "space.yaml", "trials.jsonl", "--optimizer", optimizer, "--seed", str(seed),
                        "--threads", "1", "--quiet"]
        self.limit = limit
        with open("space.yaml", "w") as f:
            json.dump({"parameters": parameters, "objective": {"direction": "minimize", "noisy": noisy}}, f)
        self.tell(sets, values)

    def ask(self, count):
        done = subprocess.run([*self.command, "--count", str(count)], capture_output=True, text=True,
                              timeout=self.limit)
        if done.returncode:
            raise RuntimeError(done.stderr.strip()[-500:])
        return [json.loads(line)["params"] for line in done.stdout.splitlines()]

    def tell(self, sets, values):
        with open("trials.jsonl", "a") as f:
            for params, value in zip(sets, values):
                print(json.dumps({"params": params, "value": value, "status": "ok"}), file=f)


def printed_lines(command):
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in printed.splitlines()]


def plain(parameters, params):
    """The set in Python's own types, within its bounds but for what rounding takes."""
    out = {}
    for p in parameters:
        value = params[p["name"]]
        if p["type"] == "choice":
            value = str(value)
            inside = value in p["choices"]
        else:
            value = int(value) if p["type"] == "int" else float(value)
            slack = 1e-9 * max(abs(p["low"]), abs(p["high"]))
            inside = p["low"] - slack <= value <= p["high"] + slack
            value = min(max(value, p["low"]), p["high"])
        if not inside:
            raise ValueError(f"{p['name']} = {value!r} is not one of its values")
        out[p["name"]] = value
    return out


def cpu_seconds():
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def one_run(task):
    """Prints the record after the start and each batch, so that the last line stands when this is killed."""
    parameters, seed, peer = task["parameters"], task["seed"], task["peer"]
    record = {"problem": task["problem"], "peer": peer, "seed": seed, "curve": [], "repeated": 0, "failed": None}
    answers, sys.stdout = sys.stdout, sys.stderr
    start = [line["params"] for line in printed_lines([task["bench"], "start", task["problem"], str(seed)])]
    box = Evaluations(task["bench"], task["problem"], seed)
    values = box.values(start)
    record["curve"].append(box.regret())
    print(json.dumps(record), file=answers, flush=True)
    cpus, walls = [], []
    try:
        signal.setitimer(signal.ITIMER_PROF, task["limit"])  # ends the process by SIGPROF
        if peer.startswith("synth:"):
            made = Synth(parameters, task["noisy"], seed, start, values, task["synth"], peer[6:], task["limit"])
        else:
            kind, options = PEERS[peer]
            made = kind(parameters, task["noisy"], seed, start, values, **options)
        for _ in range(BATCHES):
            signal.setitimer(signal.ITIMER_PROF, task["limit"])
            wall, cpu = time.perf_counter(), cpu_seconds()
            sets = [plain(parameters, params) for params in made.ask(BATCH)]
            walls.append(time.perf_counter() - wall)
            cpus.append(cpu_seconds() - cpu)
            if len(sets) != BATCH:
                raise ValueError(f"{len(sets)} sets for {BATCH}")
            values = box.values(sets)
            record["curve"].append(box.regret())
            wall, cpu = time.perf_counter(), cpu_seconds()
            made.tell(sets, values)
            walls[-1] += time.perf_counter() - wall
            cpus[-1] += cpu_seconds() - cpu
            record["repeated"] = box.index - len(box.seen)
            record["batch_seconds"] = {"cpu": statistics.median(cpus), "wall": statistics.median(walls)}
            print(json.dumps(record), file=answers, flush=True)
    except Exception as error:
        record["failed"] = f"{type(error).__name__}: {error}"[:500]
        print(json.dumps(record), file=answers, flush=True)


def run_task(task):
    environment = {**os.environ, **dict.fromkeys(THREADS, "1")}
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([task["python"], os.path.abspath(__file__), "one", json.dumps(task)], cwd=folder,
                              env=environment, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    if not lines:
        sys.exit(f"error: {task['problem']} did not start\n{done.stderr[-2000:]}")
    record = json.loads(lines[-1])
    if done.returncode == -signal.SIGPROF:
        record["failed"] = f"more than {task['limit']:g} CPU seconds for a batch"
    elif done.returncode:
        record["failed"] = f"exit status {done.returncode}: {done.stderr.strip()[-400:]}"
    return record


def compare(a):
    problems = {line["problem"]: line for line in printed_lines([a.bench, "problems"])}
    peers = [f"synth:{a.optimizer}" if peer == "synth" else peer for peer in a.peers.split(",")]
    chosen = a.problems.split(",") if a.problems else [name for name, p in problems.items() if not p.get("extra")]
    unknown = [name for name in chosen if name not in problems]
    unknown += [peer for peer in peers if peer not in PEERS and not peer.startswith("synth:")]
    if unknown:
        sys.exit(f"error: unknown: {', '.join(unknown)}; peers are synth:NAME, {', '.join(PEERS)}; "
                 f"problems are {', '.join(problems)}")
    if not a.synth and any(peer.startswith("synth:") for peer in peers):
        sys.exit("error: synth needs --synth")
    out = Path(a.out)
    if out.exists() and not a.resume:
        sys.exit(f"error: {out} exists; --resume goes on with it")
    done = {(r["problem"], r["peer"], r["seed"]) for r in read(out)} if out.exists() else set()
    tasks = [{"bench": os.path.abspath(a.bench), "synth": a.synth and os.path.abspath(a.synth), "problem": name,
              "peer": peer, "seed": seed, "limit": a.limit, "noisy": problems[name].get("noisy", False),
              "parameters": problems[name]["space"]["parameters"]}
             for seed in range(a.first_seed, a.first_seed + a.seeds) for name in chosen for peer in peers
             if (name, peer, seed) not in done]
    other = dict(pair.split("=", 1) for pair in a.python)
    for task in tasks:
        task["python"] = os.path.abspath(other.get(task["peer"], sys.executable))
    lock = threading.Lock()

    def finish(task):
        record = run_task(task)
        seconds = record.get("batch_seconds", {"cpu": float("nan"), "wall": float("nan")})
        with lock, open(out, "a") as f:
            print(json.dumps(record), file=f, flush=True)
            print(f"{record['problem']:20s} {record['peer']:12s} seed {record['seed']:3d}  "
                  f"{record['curve'][0]:.3g} -> {record['curve'][-1]:.3g}  {seconds['cpu']:.2f} CPU s a batch  "
                  f"{record['failed'] or ''}", flush=True)
    with ThreadPoolExecutor(a.jobs) as pool:
        list(pool.map(finish, tasks))


def read(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def after(record, batch):
    return record["curve"][min(batch, len(record["curve"]) - 1)]


def cell(records, batch):
    regrets = [after(r, batch) for r in records]
    low, middle, high = statistics.quantiles(regrets, n=4, method="inclusive") if len(regrets) > 1 else regrets * 3
    return f"{middle:.3g} ({low:.3g} to {high:.3g})"


def trials_to(record, regret):
    """Trials after which the regret is at most that, counted in whole batches."""
    batch = next((i for i, at in enumerate(record["curve"]) if at <= regret), math.inf)
    return START + BATCH * batch


def median_seconds(records, clock):
    seconds = [r["batch_seconds"][clock] for r in records if "batch_seconds" in r]
    return f"{statistics.median(seconds):.3g}" if seconds else "-"


def ratio(records, others, batch):
    """Median regret beside another's, on the seeds that both have, one at least."""
    common = sorted(set(records) & set(others))
    medians = [statistics.median(after(runs[seed], batch) for seed in common) for runs in (records, others)]
    return max(medians[0], FLOOR) / max(medians[1], FLOOR)


def table(path, within):
    """A row is of the seeds that the peer has, a ratio of those that both have."""
    groups = defaultdict(lambda: defaultdict(dict))
    for r in read(path):
        groups[r["problem"]][r["peer"]][r["seed"]] = r
    print(f"Machine: {platform.processor() or platform.machine()}, one thread. "
          "Regrets: median (quartiles) over the seeds.")
    for problem, peers in groups.items():
        print(f"\n### {problem}\n\n| peer | seeds | after {BATCHES // 2} batches | after {BATCHES} "
              f"| CPU s a batch | repeated | failed |{' trials |' if within is not None else ''}\n"
              f"|---|---|---|---|---|---|---|{'---|' if within is not None else ''}")
        for peer in sorted(peers, key=lambda p: statistics.median(after(r, BATCHES) for r in peers[p].values())):
            runs = list(peers[peer].values())
            trials = "" if within is None else f" {statistics.median(trials_to(r, within) for r in runs):g} |"
            print(f"| {peer} | {len(runs)} | {cell(runs, BATCHES // 2)} | {cell(runs, BATCHES)} "
                  f"| {median_seconds(runs, 'cpu')} | {statistics.fmean(r['repeated'] for r in runs):.1f} "
                  f"| {sum(r['failed'] is not None for r in runs)} |{trials}")
    standings(groups)
    failed = {(r["peer"], r["problem"], r["failed"]) for p in groups.values() for runs in p.values()
              for r in runs.values() if r["failed"]}
    for peer, problem, message in sorted(failed):
        print(f"\n{peer} failed on {problem}: {' '.join(message.split())[:200]}")


def standings(groups):
    """How synth's optimisers stand beside the best of the others on each problem."""
    for ours in sorted({peer for peers in groups.values() for peer in peers if peer.startswith("synth:")}):
        for batch in (BATCHES // 2, BATCHES):
            worst = {}
            for problem, peers in groups.items():
                own = peers.get(ours, {})
                others = {p: ratio(own, runs, batch) for p, runs in peers.items()
                          if not p.startswith("synth:") and set(own) & set(runs)}
                if others and all(r["failed"] is None for r in own.values()):
                    best = max(others, key=others.get)
                    worst[problem] = (others[best], best)
            if worst:
                problem, (most, best) = max(worst.items(), key=lambda item: item[1][0])
                print(f"\n{ours} after {batch} batches: lowest median on {sum(r <= 1 for r, _ in worst.values())} of "
                      f"{len(worst)} problems; above twice the best on {sum(r > 2 for r, _ in worst.values())}; "
                      f"at worst {most:.2f} times ({problem}, {best})")


def main():
    if sys.argv[1:2] == ["one"]:
        return one_run(json.loads(sys.argv[2]))
    if sys.argv[1:2] == ["table"]:
        p = argparse.ArgumentParser(prog="compare_optimizers.py table")
        p.add_argument("file")
        p.add_argument("--within", type=float, help="also print how many trials it takes to come so near")
        a = p.parse_args(sys.argv[2:])
        return table(a.file, a.within)
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--bench", required=True, help="the bench program")
    p.add_argument("--synth", help="synth's program")
    p.add_argument("--optimizer", default="auto", help="of the peer `synth`")
    p.add_argument("--peers", default="synth," + ",".join(PEERS))
    p.add_argument("--problems", help="default: all but those that the bench program calls extra")
    p.add_argument("--seeds", type=int, default=20)
    p.add_argument("--first-seed", type=int, default=0)
    p.add_argument("--jobs", type=int, default=1, help="runs at a time")
    p.add_argument("--python", nargs="+", default=[], metavar="PEER=PATH",
                   help="another interpreter for a peer whose packages don't fit with the others'")
    p.add_argument("--limit", type=float, default=120.0, help="CPU seconds for a batch")
    p.add_argument("--out", required=True, help="JSON lines, a run each")
    p.add_argument("--resume", action="store_true", help="go on with --out")
    compare(p.parse_args())


if __name__ == "__main__":
    main()
