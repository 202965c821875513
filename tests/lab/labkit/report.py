"""What a person and a program read of a run."""
import json

from .base import Fail, say

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


def marks(name):
    return f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->\n"


def cell(result):
    if result is None:
        return "not run"
    if result["result"] == "pass":
        return "pass, at the second try" if result["reason"] else "pass"
    return result["reason"].replace("|", "/")


def table(files):
    """A Markdown table of results of any number of runs."""
    found, purposes = {}, {}
    for path in files:
        with open(path, encoding="utf-8") as source:
            for result in json.load(source):
                found[result["scenario"], result["guest_kernel"]] = result
                purposes[result["scenario"]] = result["purpose"]
    kernels = sorted({kernel for _, kernel in found}, key=lambda kernel: [int(part) for part in kernel.split(".")])
    lines = ["| scenario | what it shows | " + " | ".join(f"guest {kernel}" for kernel in kernels) + " |", "|---|---|" + "---|" * len(kernels)]
    for name, purpose in sorted(purposes.items()):
        lines.append(f"| `{name}` | {purpose} | " + " | ".join(cell(found.get((name, kernel))) for kernel in kernels) + " |")
    return "\n".join(lines) + "\n"


def put_between(document, name, made):
    """What is made goes between the document's two marks of that name."""
    with open(document, encoding="utf-8") as source:
        text = source.read()
    start, end = (text.find(mark) for mark in marks(name))
    if start < 0 or end < start:
        raise Fail(f"{document} has no two lines {' and '.join(mark.strip() for mark in marks(name))} for the {name} to stand between")
    with open(document, "w", encoding="utf-8") as out:
        out.write(text[:start + len(marks(name)[0])] + made + text[end:])


def write_table(files, document):
    made = table(files)
    if not document:
        say(made.rstrip())
        return
    put_between(document, "table", made)


def summary(results):
    count = {kind: sum(1 for r in results if r["result"] == kind) for kind in MARK}
    text = f"{count['pass']} passed, {count['fail']} failed"
    return text + (f", {count['skip']} skipped" if count["skip"] else "")
