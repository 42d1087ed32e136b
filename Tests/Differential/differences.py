"""The deliberate differences from Envoy: each is an entry of docs/differences-from-envoy.md, referred to by its id.

An entry changes both outcomes to a common form, as narrowly as its reason allows, and notes that it was needed.
"""
import copy
import os
import re

import pair

DOCUMENT = os.path.join(pair.ROOT, "docs", "differences-from-envoy.md")
ENTRIES, USED = [], {}


def entry(identifier):
    """Registers a function that levels two outcomes in place, and returns whether it had anything to do."""
    def register(function):
        ENTRIES.append((identifier, function))
        return function
    return register


def documented():
    with open(DOCUMENT) as f:
        return set(re.findall(r"^### (D-[a-z0-9-]+)", f.read(), re.M))


def level(request, theirs, ours):
    if theirs == ours:
        return theirs, ours
    theirs, ours = copy.deepcopy(theirs), copy.deepcopy(ours)
    for identifier, function in ENTRIES:
        if theirs != ours and function(request, theirs, ours):
            USED[identifier] = USED.get(identifier, 0) + 1
    return theirs, ours


def take(outcome, *pairs):
    """Removes fields, and says whether all were there."""
    if any(pair not in outcome["fields"] for pair in pairs):
        return False
    outcome["fields"] = [pair for pair in outcome["fields"] if pair not in pairs]
    return True


def is_local(outcome):
    """Whether the proxy made the answer itself."""
    return outcome["status"] > 0 and not outcome["arrivals"]


@entry("D-head-length")
def head_length(request, theirs, ours):
    if request.method != "HEAD" or request.http2 or not is_local(theirs) or not is_local(ours):
        return False
    if ("transfer-encoding", "chunked") not in theirs["fields"]:
        return False
    return take(ours, ("content-length", "0")) and take(theirs, ("transfer-encoding", "chunked"))


@entry("D-early-answer")
def early_answer(request, theirs, ours):
    if request.http2 or not request.body or not is_local(theirs) or not is_local(ours):
        return False
    return take(theirs, ("connection", "close"))


def refusal(outcome):
    """Whether a request was refused before it was looked at: 400 with a text, or its stream or connection closed."""
    return outcome["error"] is not None or outcome["status"] == 400 and not outcome["arrivals"]


@entry("D-malformed")
def malformed(request, theirs, ours):
    if not refusal(theirs) or not refusal(ours):
        return False
    for outcome in (theirs, ours):
        outcome.update(error="refused", status=0, fields=[], body=b"")
    return True


NOT_EMPTY_METHODS = ("OPTIONS", "DELETE", "TRACE")


@entry("D-empty-request")
def empty_request(request, theirs, ours):
    if request.method not in NOT_EMPTY_METHODS or len(theirs["arrivals"]) != len(ours["arrivals"]):
        return False
    found = False
    for left, right in zip(theirs["arrivals"], ours["arrivals"]):
        if ("content-length", "0") in left["fields"] and ("content-length", "0") not in right["fields"]:
            left["fields"].remove(("content-length", "0"))
            found = True
    return found


JOINED = ("user-agent",)


@entry("D-joined-fields")
def joined_fields(request, theirs, ours):
    def join(outcome):
        for message in [outcome, *outcome["arrivals"], *outcome["mirrored"]]:
            merged = {}
            for name, value in message["fields"]:
                if name in JOINED:
                    merged.setdefault(name, []).append(value)
            if merged:
                kept = [pair for pair in message["fields"] if pair[0] not in JOINED]
                message["fields"] = sorted(kept + [(n, ",".join(v)) for n, v in merged.items()], key=lambda p: p[0])
    before = copy.deepcopy((theirs, ours))
    join(theirs)
    join(ours)
    return before != (theirs, ours)


def is_plain(target):
    return all(32 < ord(character) < 127 for character in target)


@entry("D-target-bytes")
def target_bytes(request, theirs, ours):
    if is_plain(request.target) or not request.http2 or not refusal(ours):
        return False
    ours.clear()
    ours.update(copy.deepcopy(theirs))
    return True


@entry("D-no-content")
def no_content(request, theirs, ours):
    if theirs["status"] != 204 or ours["status"] != 204 or not is_local(theirs):
        return False
    lengths = [pair for pair in theirs["fields"] if pair[0] in ("content-length", "content-type")]
    for outcome in (theirs, ours):
        outcome["fields"] = [pair for pair in outcome["fields"] if pair[0] not in ("content-length", "content-type")]
    theirs["body"] = b""
    return bool(lengths)
