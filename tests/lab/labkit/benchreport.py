"""What a person and a program read of a bench: JSON, a table, plots."""
import json
import os
import shutil
import statistics
import tempfile
from pathlib import Path

from .base import LAB_DIR, TREE, Fail, run, say
from .report import put_between

PLOT_SCRIPT = TREE / "tests/bench/plot.gp"
FORMATS = {"png": "pngcairo size 900,500 font ',11'", "svg": "svg size 900,500 dynamic background 'white' font 'sans-serif,13'"}
# Name of the picture: (title, unit, the keys that are its groups, what they are called there).
PLOTS = {
    "tcp": ("TCP throughput", "Mbit/s", {"tcp_tx_mbps": "out, 1 stream", "tcp_rx_mbps": "in, 1 stream", "tcp4_tx_mbps": "out, 4 streams",
                                         "tcp4_rx_mbps": "in, 4 streams"}),
    "pps64": ("Packets of 64 bytes", "packets/s", {"pps64_tx": "out", "pps64_rx": "in"}),
    "latency": ("Echo from outside", "us", {"rr_p50_us": "median", "rr_p99_us": "99th percentile"}),
    "cpu": ("dom0's processor time for TCP", "s per GB", {"dom0_cpu_s_per_gb_tx": "out", "dom0_cpu_s_per_gb_rx": "in"}),
    "cpu64": ("dom0's processor time for packets of 64 bytes", "s per million",
              {"dom0_cpu_s_per_mpacket_tx": "out", "dom0_cpu_s_per_mpacket_rx": "in"}),
    "per-packet": ("Per packet of a TCP run", "", {f"{what}_per_packet_{way}": f"{name}, {'out' if way == 'tx' else 'in'}"
                                                   for what, name in (("hypercalls", "hypercalls"), ("events", "events"), ("doorbells", "doorbells"),
                                                                      ("grant_ops", "grant operations")) for way in ("tx", "rx")}),
}


def spread(values):
    """{median, min, max}, None without values."""
    return {"median": round(statistics.median(values), 4), "min": min(values), "max": max(values)} if values else None


def write(result, path):
    """One object for each contender: its figures, and the reasons for those that it lacks. Beside them "about" and "scaling"."""
    about = {key: value for key, value in result.items() if key not in ("contenders", "scaling")}
    contenders = {name: made["figures"] | {"reasons": made["reasons"]} for name, made in result["contenders"].items()}
    with open(path, "w", encoding="utf-8") as out:
        json.dump({"about": about} | contenders | {"scaling": result["scaling"]}, out, indent=1)
        out.write("\n")


def read(path):
    """What write() was given."""
    try:
        with open(path, encoding="utf-8") as source:
            made = json.load(source)
        about, scaling = made.pop("about"), made.pop("scaling")
        contenders = {name: {"reasons": figures.pop("reasons"), "figures": figures} for name, figures in made.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as bad:
        raise Fail(f"{path} is not what 'lab bench --json' writes: {bad}") from bad
    if not contenders:
        raise Fail(f"{path} has no contenders")
    return about | {"contenders": contenders, "scaling": scaling}


def cell(figure):
    if figure is None:
        return "-"
    if figure["min"] == figure["max"]:
        return f"{figure['median']:g}"
    return f"{figure['median']:g} ({figure['min']:g}..{figure['max']:g})"


def table(result):
    """Markdown: figures by contenders, medians with the least and the most; then why there are none."""
    contenders = result["contenders"]
    keys = list(next(iter(contenders.values()))["figures"])
    lines = ["| | " + " | ".join(contenders) + " |", "|---|" + "---|" * len(contenders)]
    for key in keys:
        lines.append(f"| `{key}` | " + " | ".join(cell(contender["figures"][key]) for contender in contenders.values()) + " |")
    lines.append("")
    for name, contender in contenders.items():
        for reason in dict.fromkeys(contender["reasons"].values()):
            missing = [key for key, why in contender["reasons"].items() if why == reason]
            which = "everything" if len(missing) == len(keys) else ", ".join(f"`{key}`" for key in missing)
            if missing == [key for key in keys if "_per_packet_" in key]:
                which = "all counts per packet"
            lines.append(f"- `{name}`, {which}: {reason}")
    lines += scaling_table(result["scaling"]) + [f"- {note}" for note in result["notes"]]
    return "\n".join(lines)


def heading(result):
    host = result["host"]
    return (f"Of {result['date']}: Xen {host.get('xen')}, dom0 Linux {host.get('dom0')}, guests' Linux {host.get('guest')}, under QEMU; median of "
            f"{result['rounds']} rounds (least..most), {host.get('boots')} boots, {result['seconds'] // 60} minutes.")


def scaling_table(scaling):
    if not scaling:
        return []
    counts = sorted({count for side in scaling.values() for way in side.values() for count in way}, key=int)
    lines = ["", "| Mbit/s together | " + " | ".join(f"{count} guests" for count in counts) + " |", "|---|" + "---|" * len(counts)]
    for name, side in scaling.items():
        for way, found in side.items():
            lines.append(f"| {name} {way} | " + " | ".join(str(found.get(count) or "-") for count in counts) + " |")
    return lines + [""]


# -- plots -------------------------------------------------------------------------------------------------------------------


def need_gnuplot():
    if shutil.which("gnuplot") is None:
        run([LAB_DIR / "setup.sh", "--plots"], timeout=600)


def bars(contenders, keys, path):
    """Rows are groups; three columns (median, least, most) for each contender that has any of the figures. Returns their names."""
    names = [name for name, contender in contenders.items() if any(contender["figures"].get(key) for key in keys)]
    with open(path, "w", encoding="utf-8") as out:
        for key, label in keys.items():
            cells = [f'"{label}"']
            for name in names:
                figure = contenders[name]["figures"].get(key)
                cells += [str(figure[part]) for part in ("median", "min", "max")] if figure else ["NaN"] * 3
            out.write(" ".join(cells) + "\n")
    return names


def curves(scaling, path):
    names = [f"{name} {way}" for name, side in scaling.items() for way in side]
    counts = sorted({count for side in scaling.values() for way in side.values() for count in way}, key=int)
    with open(path, "w", encoding="utf-8") as out:
        for count in counts:
            cells = [side[way].get(count) for side in scaling.values() for way in side]
            out.write(" ".join([count] + ["NaN" if cell_ is None else str(cell_) for cell_ in cells]) + "\n")
    return names


def draw(directory, picture, kind, title, unit, data, names, known):
    """`known` are all names that there may be: each keeps its colour over all pictures."""
    if not names:
        return []
    drawn = []
    for suffix, terminal in FORMATS.items():
        target = Path(directory) / f"bench-{picture}.{suffix}"
        settings = {"kind": kind, "title": title, "unit": unit, "data": data, "names": " ".join(name.replace(" ", "~") for name in names),
                    "types": " ".join(str(known.index(name) + 1) for name in names), "term": terminal, "out": target}
        quoted = "; ".join('{}="{}"'.format(key, str(value).replace("\\", "\\\\").replace('"', '\\"')) for key, value in settings.items())
        run(["gnuplot", "-e", quoted, PLOT_SCRIPT], timeout=60)
        drawn.append(target.name)
    return drawn


def plot(result, directory):
    """Pictures of all that was measured, as bench-NAME.png and .svg; returns the files' names."""
    need_gnuplot()
    Path(directory).mkdir(parents=True, exist_ok=True)
    drawn = []
    with tempfile.TemporaryDirectory() as work:
        data = f"{work}/data"
        for picture, (title, unit, keys) in PLOTS.items():
            drawn += draw(directory, picture, "bars", title, unit, data, bars(result["contenders"], keys, data), list(result["contenders"]))
        if result["scaling"]:
            names = curves(result["scaling"], data)
            drawn += draw(directory, "scaling", "curves", "TCP of several guests together", "Mbit/s", data, names, names)
    say(f"plots in {directory}: {', '.join(drawn) if drawn else 'none, nothing was measured'}")
    return drawn


def pictures(drawn, directory, document):
    """Markdown that shows them."""
    place = os.path.relpath(directory, os.path.dirname(os.path.abspath(document)))
    return "".join(f"![{name.removesuffix('.svg')}]({place}/{name})\n" for name in drawn if name.endswith(".svg"))


def plot_file(path, directory, document):
    """Pictures into the directory, and the table between the document's marks, if one is named."""
    result = read(path)
    drawn = plot(result, directory)
    if document:
        put_between(document, "bench", f"{heading(result)}\n\n{table(result)}\n\n{pictures(drawn, directory, document)}")
