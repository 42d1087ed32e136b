"""Runs configurations and cases against the pair, and reports where the two disagree."""
import asyncio
import itertools
import json
import time

import compare
import differences
from pair import Refused
from traffic import Traffic

# Outcomes that chance decides are gathered until both sides showed the same ones, for at most so many rounds.
ROUNDS_MAX = 80


class Session:
    def __init__(self, pair, recorder, options):
        self.pair, self.recorder, self.options = pair, recorder, options
        self.serial, self.turn = itertools.count(), asyncio.Lock()
        self.configurations = self.requests = self.repeats = self.unsteady = 0
        self.programming = 0.0
        self.failures, self.statuses, self.reported = 0, {}, {}

    def fail(self, text):
        self.failures += 1
        print(f"FAIL  {text}", flush=True)

    async def check(self, configuration, rng):
        label = f"seed {configuration.seed} configuration {configuration.index}"
        started = time.monotonic()
        try:
            await self.pair.program(configuration.resources)
            self.programming += time.monotonic() - started
        except Refused as error:
            self.fail(f"{label}: {error}\n{json.dumps(configuration.resources)[:3000]}")
            return
        self.configurations += 1
        traffic = Traffic(configuration, rng)
        cases = [traffic.case() for _ in range(self.options.requests)]
        for at in range(0, len(cases), 8):
            found = await asyncio.gather(*(self.disagreement(case) for case in cases[at:at + 8]))
            for number, (case, lines) in enumerate(zip(cases[at:at + 8], found)):
                if lines:
                    await self.report(label, at + number, configuration, case, lines)

    async def report(self, label, number, configuration, case, lines):
        kind = " / ".join(sorted({line.split(":")[0] + ":" + line.split(":")[1][:40] for line in lines}))
        self.reported[kind] = self.reported.get(kind, 0) + 1
        self.failures += 1
        if self.reported[kind] > 1:
            return
        resources = configuration.resources
        if not self.options.no_shrink:
            from shrink import shrink
            resources, case = await shrink(self, resources, case, lines)
            lines = await self.disagreement(case) or lines
        print(f"FAIL  {label} request {number}\n--- request\n{case.request.describe()}")
        print("--- resources")
        for resource in resources:
            if self.options.no_shrink and resource["kind"] in ("ServiceEntry", "DestinationRule"):
                continue
            named = {"kind": resource["kind"], "name": resource["metadata"]["name"], "spec": resource["spec"]}
            print(json.dumps(named))
        print("--- disagreement\n" + "\n".join(lines) + "\n", flush=True)
        if not self.options.no_shrink:
            await self.pair.program(configuration.resources)

    # One case

    async def outcomes(self, case):
        async def one(peer):
            name = f"{next(self.serial)}"
            self.recorder.script(name, case.steps)
            answer = await peer.send(case.request, name)
            return compare.outcome(answer, self.recorder.forget(name))
        return await asyncio.gather(*(one(peer) for peer in self.pair.peers))

    async def disagreement(self, case):
        """The lines of difference, or nothing. What differs is looked at again, since chance may have decided."""
        self.requests += 1
        theirs, ours = await self.outcomes(case)
        self.statuses[theirs["status"]] = self.statuses.get(theirs["status"], 0) + 1
        lines = compare.difference(case.request, theirs, ours)
        if not lines:
            return []
        # One case at a time: cases that repeat in step would each meet the same endpoint of a rotation again and again.
        async with self.turn:
            return await self.gathered(case, [theirs], [ours], lines)

    async def gathered(self, case, all_theirs, all_ours, lines):
        """Whether both sides have the same set of outcomes. Two that agree are paired off; what stays is reported."""
        rounds = 4
        while True:
            for _ in range(rounds):
                theirs, ours = await self.outcomes(case)
                self.repeats += 1
                self.add(case, all_theirs, theirs)
                self.add(case, all_ours, ours)
            alone = [t for t in all_theirs if all(compare.difference(case.request, t, o) for o in all_ours)]
            alone_ours = [o for o in all_ours if all(compare.difference(case.request, t, o) for t in all_theirs)]
            if not alone and not alone_ours:
                return []
            varies = len(all_theirs) > 1 or len(all_ours) > 1
            if not varies or rounds >= ROUNDS_MAX:
                return self.nearest(case, alone, alone_ours, all_theirs, all_ours) or lines
            rounds = min(rounds * 3, ROUNDS_MAX)

    def nearest(self, case, alone, alone_ours, all_theirs, all_ours):
        candidates = [compare.difference(case.request, t, o) for t in alone for o in all_ours]
        candidates += [compare.difference(case.request, t, o) for t in all_theirs for o in alone_ours]
        return min(candidates, key=len) if candidates else []

    @staticmethod
    def add(case, known, new):
        if new not in known:
            known.append(new)

    def summary(self, seconds):
        lines = [f"{self.requests} requests over {self.configurations} configurations in {seconds:.0f} s "
                 f"({self.programming:.0f} s of them waiting for both to be programmed), "
                 f"{self.repeats} repeats, statuses {dict(sorted(self.statuses.items()))}"]
        lines += [f"deliberate difference {name}: {count} times" for name, count in sorted(differences.USED.items())]
        lines += [f"{count} × {kind}" for kind, count in sorted(self.reported.items(), key=lambda p: -p[1])]
        passed = self.requests + self.configurations - self.failures
        return "\n".join(lines) + f"\ndifferential: {max(passed, 0)} passed, {self.failures} failed, 0 skipped"
