"""What an outcome is, and whether two of them agree.

An outcome is everything that can be seen of one request: the answer, and each arrival at an upstream. Deliberate
differences are taken out by `differences.py`, never here.
"""
import re

import differences
import world

UUID = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
DATE = re.compile(r"^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$")


def settled(name, value):
    """Values that differ between any two requests are replaced by their form."""
    if name == "x-request-id" and UUID.match(value):
        return "<uuid>"
    if name == "date" and DATE.match(value):
        return "<date>"
    if name == "x-envoy-upstream-service-time" and value.isdigit():
        return "<ms>"
    return value


def fields(list_of_fields):
    """Fields sorted by name; those of one name stay in order."""
    return sorted(((n, settled(n, v)) for n, v in list_of_fields if n != "x-case"), key=lambda pair: pair[0])


def arrival(seen, exact):
    return {"to": seen.endpoint if exact else world.service_of(seen.endpoint), "version": seen.version,
            "method": seen.method, "target": seen.target, "authority": seen.authority, "fields": fields(seen.fields),
            "body": seen.body, "trailers": fields(seen.trailers)}


def outcome(answer, arrivals, exact=False):
    """- exact: whether the endpoint itself counts, not only the destination it belongs to."""
    plain = [arrival(a, exact) for a in arrivals if not a.is_mirrored]
    copies = sorted((arrival(a, exact) for a in arrivals if a.is_mirrored), key=repr)
    answered = [("x-endpoint", world.service_of(v)) if n == "x-endpoint" and not exact else (n, v)
                for n, v in answer.fields]
    return {"error": answer.error, "status": answer.status, "fields": fields(answered), "body": answer.body,
            "trailers": fields(answer.trailers), "arrivals": plain, "mirrored": copies}


def difference(request, theirs, ours):
    """What is not equal, as lines; empty when the outcomes agree."""
    theirs, ours = differences.level(request, theirs, ours)
    lines = []
    walk("", theirs, ours, lines)
    return lines


def walk(path, theirs, ours, lines):
    if theirs == ours:
        return
    if isinstance(theirs, dict):
        for key in theirs:
            walk(f"{path}.{key}" if path else key, theirs[key], ours[key], lines)
    elif path.endswith(("fields", "trailers")):
        missing = [pair for pair in theirs if pair not in ours]
        extra = [pair for pair in ours if pair not in theirs]
        if not missing and not extra:
            lines.append(f"{path}: order or count: Envoy {theirs!r}, ours {ours!r}")
        for name, value in missing:
            lines.append(f"{path}: only Envoy has {name}: {value!r}")
        for name, value in extra:
            lines.append(f"{path}: only ours has {name}: {value!r}")
    elif isinstance(theirs, list) and len(theirs) == len(ours):
        for index, (left, right) in enumerate(zip(theirs, ours)):
            walk(f"{path}[{index}]", left, right, lines)
    elif isinstance(theirs, list):
        lines.append(f"{path}: Envoy {len(theirs)} {brief(theirs)}, ours {len(ours)} {brief(ours)}")
    else:
        lines.append(f"{path}: Envoy {shorten(theirs)}, ours {shorten(ours)}")


def brief(arrivals):
    return [f"{a['method']} {a['target']} to {a['to']}" for a in arrivals]


def shorten(value):
    text = repr(value)
    return text if len(text) <= 160 else text[:160] + f"… ({len(text)} characters)"
