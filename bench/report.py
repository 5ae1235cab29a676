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


def _judged(result, target, subject):
    """The values that the target is for, over the baseline of the same round if there is one; None without that."""
    values = result.rounds[subject]
    if target.over is None:
        return values
    baseline = next((s for s in result.rounds if s.startswith(target.over)), None)
    return baseline and [a / b for a, b in zip(values, result.rounds[baseline])]


def _verdict(result, target, subject, values):
    reached = statistics.median(values) <= target.at_most
    many = len([s for s in result.rounds if s.startswith(tuple(t.of for t in result.targets))]) > 1
    what = f"{subject.partition(',')[0]}: " if many else ""
    what += "" if target.over is None else "ratio " if len(result.targets) == 1 else f"ratio to {target.over} "
    return f"{what}{spread(values)}, target at most {target.at_most:g}: {'reached' if reached else 'MISSED'}", reached


def verdicts(result):
    """(words, reached) for each target that can be judged: none with `--only nginx`."""
    for target in result.targets:
        for subject in result.rounds:
            if subject.startswith(target.of) and (values := _judged(result, target, subject)):
                yield _verdict(result, target, subject, values)


def table(result):
    lines = [f"### {result.title}", "", f"| | {result.unit} |", "| --- | --- |"]
    lines += [f"| {subject} | {spread(values)} |" for subject, values in result.rounds.items()]
    sentences = [words for words, _ in verdicts(result)] + list(result.notes)
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
        f"HAProxy: {_first_line('/usr/sbin/haproxy', '-v').split()[2]}",
        f"Varnish: {_first_line('/usr/sbin/varnishd', '-V').split()[1].strip('(')}",
        f"h2o: {_first_line('/usr/bin/h2o', '--version').split()[-1]}",
        f"Redis: {_first_line('/usr/bin/redis-server', '--version').split()[2].removeprefix('v=')}",
        f"hlsgate: {_first_line(settings.hlsgate, 'version')}",
        f"wrk: {_first_line('/usr/bin/wrk', '--version').split('[')[0].removeprefix('wrk ').strip()}; "
        f"{_first_line('/usr/bin/h2load', '--version')}; {_first_line('/usr/bin/openssl', 'version').split(' (')[0]}",
    ]


def document(settings, results):
    day = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")
    head = ["# hlsgate beside nginx, h2o, HAProxy and Varnish", "", f"Measured on {day} by `make bench`:", ""]
    head += ["- " + line for line in machine(settings)]
    head += ["", f"One worker each, same machine, same run, in turn, {settings.rounds} rounds of {settings.seconds} s; median "
             "(lowest..highest). CPU is user + system time of the server's processes: the load generator shares the "
             "cores, so elapsed time would say little.", ""]
    return "\n".join(head) + "\n" + "\n".join(table(r) for r in results)
