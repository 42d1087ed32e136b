"""Makes a disagreement small: takes away whatever it does not need, first of the request, then of the resources."""
import copy
import time

from pair import Refused
from recorder import Step

SECONDS_MAX = 25.0
KEPT = {"metadata", "apiVersion", "kind"}


def places(lines):
    """Where a disagreement shows; a smaller one that shows in one of them is taken for the same."""
    return {line.split(":")[0] + (line.split(" has ")[1].split(":")[0] if " has " in line else "") for line in lines}


def smaller_requests(case):
    def changed(**changes):
        smaller = copy.deepcopy(case)
        for name, value in changes.items():
            setattr(smaller.request, name, value)
        return smaller
    request = case.request
    if request.body:
        yield changed(body=b"")
    if request.http2:
        yield changed(http2=False)
    for index in range(len(request.fields)):
        yield changed(fields=request.fields[:index] + request.fields[index + 1:])
    if "?" in request.target:
        yield changed(target=request.target.split("?")[0])
    if request.method != "GET":
        yield changed(method="GET", body=b"")
    if len(case.steps) > 1 or case.steps[0].fields or case.steps[0].status != 200:
        plain = copy.deepcopy(case)
        plain.steps = [Step()]
        yield plain


def removals(value, path=()):
    """Paths of everything that might be left out of a JSON value, large parts first."""
    if isinstance(value, dict):
        keys = [key for key in value if key not in KEPT or path]
        for key in keys:
            if path:
                yield path + (key,)
        for key in keys:
            yield from removals(value[key], path + (key,))
    elif isinstance(value, list):
        for index in reversed(range(len(value))):
            yield path + (index,)
        for index in reversed(range(len(value))):
            yield from removals(value[index], path + (index,))


def without(value, path):
    smaller = copy.deepcopy(value)
    place = smaller
    for step in path[:-1]:
        place = place[step]
    del place[path[-1]]
    return smaller


async def shrink(session, resources, case, lines):
    wanted, deadline = places(lines), time.monotonic() + SECONDS_MAX

    async def still(candidate):
        return bool(wanted & places(await session.disagreement(candidate)))

    changed = True
    while changed and time.monotonic() < deadline:
        changed = False
        for smaller in smaller_requests(case):
            if await still(smaller):
                case, changed = smaller, True
                break

    async def holds(smaller):
        try:
            await session.pair.program(smaller)
        except Refused:
            return False
        return await still(case)

    index = len(resources) - 1
    while index >= 0 and time.monotonic() < deadline:
        smaller = resources[:index] + resources[index + 1:]
        if await holds(smaller):
            resources = smaller
        index -= 1
    for kind in ("VirtualService", "Gateway", "DestinationRule", "ServiceEntry", "Service"):
        for position in range(len(resources)):
            if resources[position]["kind"] != kind:
                continue
            tried, progress = set(), True
            while progress and time.monotonic() < deadline:
                progress = False
                spec = resources[position]["spec"]
                for path in list(removals(spec, ("spec",))):
                    if path in tried or time.monotonic() > deadline:
                        continue
                    tried.add(path)
                    smaller = list(resources)
                    smaller[position] = without(resources[position], path)
                    if await holds(smaller):
                        resources, progress = smaller, True
                        tried = {p for p in tried if p[:len(path) - 1] != path[:-1]}
                        break
    await session.pair.program(resources)
    return resources, case
