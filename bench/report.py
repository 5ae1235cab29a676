"""Results as Markdown: medians, ratios and their spread, and the machine they were measured on."""
import datetime
import os
import pathlib
import platform
import re
import statistics
import subprocess


def _number(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def spread(values):
    median = _number(statistics.median(values))
    return f"{median} ({_number(min(values))}..{_number(max(values))})" if len(values) > 1 else median


def _judged(result):
    """The values that the target is for: of the first subject, over the baseline of the same round if there is one."""
    subjects = list(result.rounds)
    baseline = next((s for s in subjects[1:] if result.baseline and s.startswith(result.baseline)), None)
    if result.baseline is None:
        return result.rounds[subjects[0]], ""
    if baseline is None:
        return None, ""
    return [a / b for a, b in zip(result.rounds[subjects[0]], result.rounds[baseline])], "ratio "


def verdict(result):
    """(words, reached): None when there is nothing to judge, as with `--only nginx`."""
    if result.target is None or not _has_hlsgate(result):
        return None, None
    values, what = _judged(result)
    if values is None:
        return None, None
    reached = statistics.median(values) <= result.target
    return f"{what}{spread(values)}, target at most {result.target:g}: {'reached' if reached else 'MISSED'}", reached


def _has_hlsgate(result):
    return not next(iter(result.rounds)).startswith("nginx")


def table(result):
    lines = [f"### {result.title}", "", f"| | {result.unit} |", "| --- | --- |"]
    lines += [f"| {subject} | {spread(values)} |" for subject, values in result.rounds.items()]
    words, _ = verdict(result)
    sentences = ([words] if words else []) + list(result.notes)
    lines += ["", *(f"- {sentence}" for sentence in sentences)]
    return "\n".join(lines).rstrip() + "\n"


def _first_line(*argv):
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=10)
        return (done.stdout + done.stderr).strip().splitlines()[0]
    except (OSError, IndexError):
        return "absent"


def machine(settings):
    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text())
    return [
        f"CPU: {cpu[1] if cpu else platform.machine()}, {os.cpu_count()} cores; {int(memory[1]) / (1 << 20):.0f} GiB RAM",
        f"Kernel: {platform.system()} {platform.release()}",
        f"nginx: {_first_line('/usr/sbin/nginx', '-v').removeprefix('nginx version: ')}",
        f"hlsgate: {_first_line(settings.hlsgate, 'version')}",
        f"wrk: {_first_line('/usr/bin/wrk', '--version').split('[')[0].removeprefix('wrk ').strip()}",
    ]


def document(settings, results):
    day = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")
    head = ["# hlsgate beside nginx", "", f"Measured on {day} by `make bench`:", ""]
    head += ["- " + line for line in machine(settings)]
    head += ["", f"One worker each, same machine, same run, in turn, {settings.rounds} rounds of {settings.seconds} s; median "
             "(lowest..highest). CPU is user + system time of the server's processes: the load generator shares the "
             "cores, so elapsed time would say little.", ""]
    return "\n".join(head) + "\n" + "\n".join(table(r) for r in results)
