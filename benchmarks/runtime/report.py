"""The Markdown report of a run."""

import statistics

# What the project wants to reach: server, what, whether its medians (and the peer's) do so, and that peer.
TARGETS = [
    ("native", "idle PSS at most 30 MiB", lambda own, _: own["pss"] <= 30, None),
    ("native", "cold start at most 60 ms", lambda own, _: own["cold"] <= 60, None),
    ("native", "at least 0.65 x the floor's requests/s", lambda own, peer: own["c8"] >= 0.65 * peer["c8"], "floor"),
    ("native", "at least 4 x FastAPI's requests/s", lambda own, peer: own["c8"] >= 4 * peer["c8"], "fastapi"),
    ("native", "at least 10 x Azure ML's requests/s", lambda own, peer: own["c8"] >= 10 * peer["c8"], "azureml"),
    ("script", "at least 4 x Azure ML's requests/s", lambda own, peer: own["c8"] >= 4 * peer["c8"], "azureml"),
    ("script", "at most half Azure ML's memory", lambda own, peer: own["pss"] <= peer["pss"] / 2, "azureml"),
    ("script", "cold start at most 300 ms", lambda own, _: own["cold"] <= 300, None),
]


def values(rounds, *path):
    """One number per round, or per start."""
    found = []
    for entry in rounds:
        value = entry
        for key in path:
            value = value[key]
        found += value if isinstance(value, list) else [value]
    return found


def spread(numbers, digits=0):
    """Median, and the range in brackets."""
    low, middle, high = (f"{f(numbers):,.{digits}f}" for f in (min, statistics.median, max))
    return f"{middle} ({low}–{high})" if low != high else middle


def medians(server):
    rounds = server["rounds"]
    return {
        "cold": statistics.median(values(rounds, "cold_start_ms")),
        "pss": statistics.median(values(rounds, "idle", "pss_mib")),
        "c1": statistics.median(values(rounds, "c1", "requests_per_second")),
        "c8": statistics.median(values(rounds, "c8", "requests_per_second")),
    }


def table(header, rows):
    yield "| " + " | ".join(header) + " |"
    yield "|---" * len(header) + "|"
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def latency(rounds, connections):
    half, most = (statistics.median(values(rounds, connections, key)) for key in ("p50_ms", "p99_ms"))
    return f"{half:.3f} / {most:.2f}"


def measured(servers):
    for server in servers.values():
        rounds = server["rounds"]
        idle = rounds[-1]["idle"]
        yield (
            server["title"],
            spread(values(rounds, "cold_start_ms")),
            spread(values(rounds, "idle", "pss_mib"), 1),
            f"{idle['processes']} / {idle['threads']}",
            spread(values(rounds, "loaded", "pss_mib"), 1),
            spread(values(rounds, "c1", "requests_per_second")),
            latency(rounds, "c1"),
            spread(values(rounds, "c8", "requests_per_second")),
            latency(rounds, "c8"),
        )


def ratios(servers):
    """Each server beside each peer: requests per second at 8 connections, idle memory, cold start."""
    peers = [key for key in ("floor", "fastapi", "azureml") if key in servers]
    found = {key: medians(server) for key, server in servers.items()}
    for key, server in servers.items():
        cells = []
        for peer in peers:
            if peer == key:
                cells.append("–")
                continue
            own, other = found[key], found[peer]
            cells.append(" / ".join(f"{own[figure] / other[figure]:.2f}" for figure in ("c8", "pss", "cold")))
        yield (server["title"], *cells)


def targets(servers):
    found = {key: medians(server) for key, server in servers.items()}
    for key, text, reached, peer in TARGETS:
        if key not in found or (peer and peer not in found):
            continue
        verdict = "reached" if reached(found[key], found.get(peer)) else "**missed**"
        yield (servers[key]["title"], text, verdict)


def markdown(results):
    servers, machine, settings = results["servers"], results["machine"], results["settings"]
    foreign = [
        value for server in servers.values() for load in ("c1", "c8")
        for value in values(server["rounds"], load, "foreign_cores")
    ]
    lines = [
        "# Scoring servers side by side: results",
        "",
        f"Written by `run.py` on {results['date']}; the method is in [../README.md](../README.md).",
        "",
        f"- Machine: {machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, "
        f"{machine['system']}, Linux {machine['kernel']}, {machine['architecture']}.",
        "- Versions: " + ", ".join(f"{name} {version}" for name, version in results["versions"].items()) + ".",
        f"- {settings['rounds']} rounds in turn; per round {settings['starts']} cold starts and "
        f"{settings['seconds']} s of load per figure; {results['took_seconds']} s in all.",
        f"- Other programs of the machine used {statistics.median(foreign):.2f} cores meanwhile "
        f"(at most {max(foreign):.2f}).",
        "",
        "Medians (smallest–largest). One row per request, JSON. c1 and c8: wrk with 1 and 8 connections.",
        "",
        *table(
            ("server", "cold start ms", "idle PSS MiB", "processes / threads", "PSS after load MiB",
             "c1 requests/s", "c1 p50 / p99 ms", "c8 requests/s", "c8 p50 / p99 ms"),
            measured(servers),
        ),
        "",
        "## Ratios",
        "",
        "Requests/s at 8 connections / idle PSS / cold start, each divided by the peer's in the same run.",
        "",
        *table(
            ("server", *(f"to {servers[key]['title']}" for key in ("floor", "fastapi", "azureml") if key in servers)),
            ratios(servers),
        ),
    ]
    reached = list(targets(servers))
    if reached:
        lines += ["", "## What was to be reached", "", *table(("server", "bar", "verdict"), reached)]
    return "\n".join(lines) + "\n"
