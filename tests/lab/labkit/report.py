"""What a person and a program read of a run."""
import json

from .base import LAB_DIR, Fail, say

MARK = {"pass": "ok  ", "fail": "FAIL", "skip": "skip"}
NOT_RUN = "not run"


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
    if result["result"] == "pass":
        return "pass, at the second try" if result["reason"] else "pass"
    return result["reason"].replace("|", "/")


def results_of(files):
    """(purpose by scenario, cell by scenario and guest's kernel) of any number of runs, the last of them counting."""
    purposes, cells = {}, {}
    for path in files:
        with open(path, encoding="utf-8") as source:
            for result in json.load(source):
                purposes[result["scenario"]] = result["purpose"]
                cells[result["scenario"], result["guest_kernel"]] = cell(result)
    return purposes, cells


def results_in(document):
    """The same, of a table that stands in a document."""
    purposes, cells, kernels = {}, {}, []
    with open(document, encoding="utf-8") as source:
        inside = source.read().partition(marks("table")[0])[2].partition(marks("table")[1])[0]
    for line in inside.splitlines():
        name, purpose, *shown = (part.strip() for part in line.strip().strip("|").split("|"))
        if name == "scenario":
            kernels = [text.removeprefix("guest ") for text in shown]
        elif name.startswith("`"):
            purposes[name.strip("`")] = purpose
            cells |= {(name.strip("`"), kernel): text for kernel, text in zip(kernels, shown) if text != NOT_RUN}
    return purposes, cells


def table(purposes, cells):
    """In Markdown: scenario by guest's kernel."""
    kernels = sorted({kernel for _, kernel in cells}, key=lambda kernel: [int(part) for part in kernel.split(".")])
    lines = ["| scenario | what it shows | " + " | ".join(f"guest {kernel}" for kernel in kernels) + " |", "|---|---|" + "---|" * len(kernels)]
    for name, purpose in sorted(purposes.items()):
        lines.append(f"| `{name}` | {purpose} | " + " | ".join(cells.get((name, kernel), NOT_RUN) for kernel in kernels) + " |")
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
    """What runs have shown, on the terminal, or into a document: there, what former runs have shown stays until another one says
    otherwise, as long as the scenario is there."""
    purposes, cells = results_of(files)
    if not document:
        say(table(purposes, cells).rstrip())
        return
    old_purposes, old_cells = results_in(document)
    there = {path.stem for path in (LAB_DIR / "scenarios").glob("*.py")}
    purposes = {name: text for name, text in (old_purposes | purposes).items() if name in there}
    put_between(document, "table", table(purposes, old_cells | cells))


def summary(results):
    count = {kind: sum(1 for r in results if r["result"] == kind) for kind in MARK}
    text = f"{count['pass']} passed, {count['fail']} failed"
    return text + (f", {count['skip']} skipped" if count["skip"] else "")
