// Small plots of a device's numbers.

import { h } from "./dom.js";
import { bytes, clean, clockTime, day, figure, now, seconds } from "./words.js";

const WIDTH = 320;
const HEIGHT = 72;
const LINES = 5;

const percent = (value) => `${figure(value * 100)} %`;
const named = (series, ...names) => series.filter((one) => names.includes(one.name));

/// What is shown: `lines(series)` gives [{ name, points }], of which there may be none.
const kinds = [
    {
        key: "requests", title: "Requests", show: (value) => `${figure(value)}/s`, floor: 0,
        lines: (series) => together(named(series, "edge.ml.requests"), rates, sum),
    },
    {
        key: "errors", title: "Error rate", show: percent, floor: 0, least: 0.01, warn: 0.05,
        lines: (series) => {
            const requests = together(named(series, "edge.ml.requests"), rates, sum);
            return together(named(series, "edge.ml.errors"), rates, sum).map((errors) =>
                ({ ...errors, points: shareOf(errors.points, requests.find((one) => one.name === errors.name)?.points ?? []) }));
        },
    },
    {
        key: "latency", title: "Latency", show: seconds, floor: 0,
        lines: (series) => ["p50", "p99"].flatMap((quantile) =>
            together(named(series, `edge.ml.inference.duration.${quantile}`), plain, Math.max)
                .map((one) => ({ ...one, name: `${one.name} ${quantile}`.trim() }))),
    },
    {
        key: "memory", title: "Memory", show: bytes, floor: 0,
        lines: (series) => together(named(series, "process.memory.usage"), plain, sum),
    },
    {
        key: "cpu", title: "CPU", show: percent, floor: 0, least: 0.1,
        lines: (series) => {
            const modes = named(series, "system.cpu.time");
            const idle = together(modes.filter((one) => ["idle", "iowait"].includes(one.attributes?.["cpu.mode"])), rates, sum, whole);
            const all = together(modes, rates, sum, whole);
            const busy = all.map((one) => ({ name: "box", points: shareOf(one.points, one.points, idle[0]?.points) }));
            const told = together(named(series, "system.cpu.utilization"), plain, Math.max, () => "box");
            return [...(busy.length ? busy : told), ...together(named(series, "process.cpu.time"), rates, sum)];
        },
    },
    {
        key: "temperature", title: "Temperature", show: (value) => `${figure(value)} °C`,
        lines: (series) => together(named(series, "hw.temperature"), plain, Math.max, (one) => one.attributes?.["hw.name"] ?? one.attributes?.["hw.id"] ?? ""),
    },
    {
        key: "disk", title: "Disk used", show: percent, floor: 0, ceiling: 1, warn: 0.9,
        lines: (series) => {
            const parts = named(series, "system.filesystem.usage");
            const place = (one) => one.attributes?.["system.filesystem.mountpoint"] ?? "";
            const free = together(parts.filter((one) => one.attributes?.["system.filesystem.state"] !== "used"), plain, sum, place);
            return together(parts, plain, sum, place).map((all) =>
                ({ ...all, points: shareOf(all.points, all.points, free.find((one) => one.name === all.name)?.points) }));
        },
    },
];

const sum = (one, other) => one + other;
const whole = () => "";

/// Who a series is about: a model's endpoint, else a program.
const about = (series) => series.attributes?.["edge.endpoint"] ?? series.attributes?.["service.name"] ?? "";

/// One line for all series about the same: the bundles that an endpoint has served, a processor's modes.
function together(series, points, join, name = about) {
    const lines = new Map();
    for (const one of series) {
        const line = lines.get(name(one)) ?? new Map();
        lines.set(name(one), line);
        for (const [time, value] of points(one)) line.set(time, line.has(time) ? join(line.get(time), value) : value);
    }
    return [...lines].map(([name, values]) => ({ name, points: [...values].sort(([one], [other]) => one - other) }));
}

/// Parts of a whole, moment by moment; `without` is taken off the parts.
function shareOf(parts, wholes, without = []) {
    const all = new Map(wholes);
    const off = new Map(without);
    return parts
        .filter(([time]) => all.has(time))
        .map(([time, value]) => [time, all.get(time) > 0 ? Math.max(0, value - (off.get(time) ?? 0)) / all.get(time) : 0]);
}

function plain(series) {
    return (Array.isArray(series.points) ? series.points : []).filter(([time, value]) => Number.isFinite(time) && Number.isFinite(value));
}

/// How fast a count rises, a second. One that falls has begun anew.
function rates(series) {
    const points = plain(series);
    if (!series.cumulative) return points;
    const made = [];
    for (let at = 1; at < points.length; at++) {
        const [before, old] = points[at - 1];
        const [time, value] = points[at];
        if (time > before) made.push([time, (value >= old ? value - old : value) / (time - before)]);
    }
    return made;
}

/// Where the reader's pointer is, as a part of the width; by plot.
const pointers = new Map();

/// All plots there are numbers for. `marks` are moments with a tone, `changed` is called when the pointer has moved.
export function plots(series, { from, to, marks, changed }) {
    const known = (Array.isArray(series) ? series : []).filter((one) => typeof one?.name === "string");
    const found = kinds
        .map((kind) => ({ kind, lines: kind.lines(known).filter((one) => one.points.length > 1).slice(0, LINES) }))
        .filter(({ lines }) => lines.length);
    // Of a box that is new, its own time: all plots begin with the first number, and show five minutes at least.
    const first = Math.min(...found.flatMap(({ lines }) => lines.map((one) => one.points[0][0])));
    const begin = Math.max(from, Math.min(first, to - 300));
    return found.map(({ kind, lines }) => plot(kind, lines, { from: begin, to, marks, changed }));
}

function plot(kind, lines, { from, to, marks, changed }) {
    const values = lines.flatMap((one) => one.points.map(([, value]) => value));
    const lowest = values.reduce((one, other) => Math.min(one, other), Infinity);
    const highest = values.reduce((one, other) => Math.max(one, other), -Infinity);
    const margin = (highest - lowest) * 0.1 || Math.abs(highest) * 0.05 || 1;
    const bottom = kind.floor ?? lowest - margin;
    const top = kind.ceiling ?? Math.max(kind.least ?? -Infinity, highest + (highest === 0 ? 1 : margin));
    const x = (time) => ((time - from) / (to - from)) * WIDTH;
    const y = (value) => HEIGHT - 2 - ((value - bottom) / (top - bottom || 1)) * (HEIGHT - 6);
    const pointer = pointers.get(kind.key) ?? null;
    const time = pointer === null ? null : from + pointer * (to - from);
    const shown = lines.map((one) => ({ ...one, at: time === null ? one.points.at(-1) : nearest(one.points, time) }));
    const move = (part) => {
        if (part === null) pointers.delete(kind.key);
        else pointers.set(kind.key, Math.min(1, Math.max(0, part)));
        changed();
    };
    const summary = shown
        .map((one) => `${one.name ? `${clean(one.name)}: ` : ""}${kind.show(one.at[1])}`)
        .join(", ");
    return h(
        "figure",
        {
            key: kind.key, class: "plot", tabindex: "0", role: "img",
            "aria-label": `${kind.title}, ${time === null ? "newest" : stamp(time, to - from)}: ${summary}; lowest ${kind.show(lowest)}, highest ${kind.show(highest)}. Arrow keys move through time.`,
            onkeydown: (event) => {
                const step = { ArrowLeft: -0.02, ArrowRight: 0.02, PageUp: -0.1, PageDown: 0.1 }[event.key];
                if (step) move((pointer ?? 1) + step);
                else if (event.key === "Home" || event.key === "End") move(event.key === "Home" ? 0 : 1);
                else return;
                event.preventDefault();
            },
            onblur: () => move(null),
        },
        h(
            "figcaption",
            null,
            h("span", { class: "plot-title" }, kind.title),
            h("span", { class: "plot-time" }, time === null ? "" : stamp(nearestTime(shown, time), to - from)),
        ),
        h(
            "ul",
            { class: "legend" },
            shown.map((one, index) =>
                h("li", { key: `${index}` }, lines.length > 1 ? h("span", { class: `swatch line-${index}` }) : null,
                    lines.length > 1 ? h("span", { class: "legend-name" }, h("bdi", null, clean(one.name))) : null, h("b", null, kind.show(one.at[1]))),
            ),
        ),
        h(
            "div",
            {
                class: "plot-area",
                onpointermove: (event) => {
                    const box = event.currentTarget.getBoundingClientRect();
                    move((event.clientX - box.left) / box.width);
                },
                onpointerleave: () => move(null),
            },
            h(
                "svg",
                { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none" },
                [0.25, 0.5, 0.75].map((part) => h("line", { class: "grid", x1: 0, x2: WIDTH, y1: HEIGHT * part, y2: HEIGHT * part })),
                kind.warn !== undefined && kind.warn < top
                    ? h("line", { key: "warn", class: "warn", x1: 0, x2: WIDTH, y1: y(kind.warn), y2: y(kind.warn) })
                    : null,
                marks.filter((mark) => mark.time >= from && mark.time <= to).map((mark) =>
                    h("line", { key: mark.key, class: `event-line ${mark.tone}`, x1: x(mark.time), x2: x(mark.time), y1: 0, y2: HEIGHT }, h("title", null, mark.title)),
                ),
                lines.length === 1 ? h("path", { key: "area", class: "area", d: area(lines[0].points, x, y) }) : null,
                lines.map((one, index) => h("path", { key: `line-${index}`, class: `line line-${index}`, d: path(one.points, x, y) })),
                time === null ? null : h("line", { key: "pointer", class: "pointer", x1: x(time), x2: x(time), y1: 0, y2: HEIGHT }),
            ),
            h("span", { class: "axis top" }, kind.show(top === highest + margin ? highest : top)),
            h("span", { class: "axis from" }, stamp(from, to - from)),
            h("span", { class: "axis to" }, Math.abs(to * 1000 - now()) < 600_000 ? "now" : stamp(to, to - from)),
        ),
    );
}

const stamp = (time, span) => (span > 86_400 ? `${day(time * 1000).slice(5)} ` : "") + clockTime(time * 1000, span < 3600);

function nearest(points, time) {
    let best = points[0];
    for (const point of points) {
        if (Math.abs(point[0] - time) < Math.abs(best[0] - time)) best = point;
    }
    return best;
}

const nearestTime = (shown, time) => nearest(shown.map((one) => one.at), time)[0];

/// Stretches without a hole: where a box was silent there is no line.
function stretches(points) {
    const steps = points.slice(1).map(([time], index) => time - points[index][0]).sort((one, other) => one - other);
    const hole = Math.max(90, (steps[steps.length >> 1] ?? 60) * 3.5);
    const found = [[]];
    for (const point of points) {
        const last = found.at(-1);
        if (last.length && point[0] - last.at(-1)[0] > hole) found.push([point]);
        else last.push(point);
    }
    return found;
}

const pair = (x, y) => ([time, value]) => `${x(time).toFixed(1)} ${y(value).toFixed(1)}`;

function path(points, x, y) {
    return stretches(points).map((part) => `M${part.map(pair(x, y)).join("L")}${part.length === 1 ? "h.5" : ""}`).join("");
}

function area(points, x, y) {
    return stretches(points)
        .map((part) => `M${x(part[0][0]).toFixed(1)} ${HEIGHT}L${part.map(pair(x, y)).join("L")}L${x(part.at(-1)[0]).toFixed(1)} ${HEIGHT}z`)
        .join("");
}
