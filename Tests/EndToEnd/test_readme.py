"""The README's tour, executed: commands with their ports replaced, output compared where it is not `...`."""
import os
import re
import subprocess

from harness import ROOT, expect, test


def steps():
    with open(os.path.join(ROOT, "README.md")) as f:
        blocks = re.findall(r"```console\n(.*?)```", f.read(), re.S)
    for block in blocks:
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, shown = part.partition("\n")
            yield command, shown


def matches(shown, got):
    pattern = "".join(".*" if piece == "..." else re.escape(piece) for piece in re.split(r"(\.\.\.)", shown.strip()))
    return re.fullmatch(pattern, got.strip(), re.S) is not None


@test
def tour(q):
    """the commands of the README answer as shown"""
    count = 0
    for command, shown in steps():
        local = command.replace("8443", str(q.ports["https"])).replace("../.build/release/gatehouse", os.path.abspath(q.binary))
        result = subprocess.run(["bash", "-c", local], cwd=q.folder, capture_output=True, text=True, timeout=30)
        got = result.stdout + result.stderr
        expect(matches(shown, got), f"{command}\n--- shown\n{shown}\n--- got\n{got}")
        count += 1
    expect(count >= 7, f"only {count} commands found")
