"""What Linux says of a tree of processes: memory, processor time, and what everybody else used meanwhile."""

import os
import pathlib

TICKS = os.sysconf("SC_CLK_TCK")


def parents():
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            found[int(entry.name)] = int(fields[1])
    return found


def tree(root):
    """The process `root` and all its descendants."""
    parent_of, members = parents(), {root}
    grew = True
    while grew:
        more = {pid for pid, parent in parent_of.items() if parent in members} - members
        members |= more
        grew = bool(more)
    return sorted(members)


def memory(root):
    """Proportional set size and private dirty memory of a tree, in MiB, and its number of processes and threads."""
    total = {"Pss": 0, "Private_Dirty": 0}
    processes = threads = 0
    for pid in tree(root):
        try:
            lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            threads += len(os.listdir(f"/proc/{pid}/task"))
        except OSError:
            continue
        processes += 1
        for line in lines:
            name, _, value = line.partition(":")
            if name in total:
                total[name] += int(value.split()[0])
    return {
        "pss_mib": total["Pss"] / 1024,
        "private_dirty_mib": total["Private_Dirty"] / 1024,
        "processes": processes,
        "threads": threads,
    }


def processor_seconds(root):
    seconds = 0.0
    for pid in tree(root):
        try:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        seconds += sum(int(value) for value in fields[11:15]) / TICKS
    return seconds


def machine_seconds():
    """Processor time that the whole machine has spent on anything."""
    user, nice, system, _, _, irq, softirq, *_ = map(int, open("/proc/stat").readline().split()[1:])
    return (user + nice + system + irq + softirq) / TICKS
