"""What a person and a program read of a run."""
import json

from .base import say

MARK = {"pass": "ok  ", "fail": "FAIL", "skip": "skip"}


def figures_text(figures):
    return "  ".join(f"{key} {value}" for key, value in (figures or {}).items())


def show(result):
    detail = figures_text(result["figures"]) if result["result"] == "pass" else result["reason"]
    say(f"{MARK[result['result']]} {result['scenario']:22} {result['seconds']:6.1f} s  {detail}")


def write_json(results, path):
    with open(path, "w", encoding="utf-8") as out:
        json.dump(results, out, indent=1)
        out.write("\n")


def summary(results):
    count = {kind: sum(1 for r in results if r["result"] == kind) for kind in MARK}
    text = f"{count['pass']} passed, {count['fail']} failed"
    return text + (f", {count['skip']} skipped" if count["skip"] else "")
