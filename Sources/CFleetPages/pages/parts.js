// What the pages are put together from.

import { h } from "./dom.js";
import {
    absolute, ago, answerOf, answers, brief, bundleName, clean, clockTime, count, day, duration, now, outcome, plural, questions,
} from "./words.js";

export const list = (value) => (Array.isArray(value) ? value : []);
export const entries = (value) => Object.entries(value && typeof value === "object" ? value : {});

export const links = {
    device: (id) => `#/devices/${encodeURIComponent(id)}`,
    bundle: (digest) => `#/bundles/${encodeURIComponent(digest)}`,
    devices: (query) => `#/devices?${new URLSearchParams(query)}`,
};

/// A text from outside, kept apart from what stands around it.
export const outside = (text, props) => h("bdi", props, clean(text));

// Each answer has a shape of its own: a check in a disc, a cross in an octagon, hands on a ring, a dash in a broken ring.
const shapes = {
    yes: [["circle", { cx: 8, cy: 8, r: 7, class: "fill" }], ["path", { d: "M4.8 8.3 7 10.5l4.3-4.7", class: "mark" }]],
    no: [
        ["path", { d: "M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1z", class: "fill" }],
        ["path", { d: "M5.6 5.6l4.8 4.8m0-4.8-4.8 4.8", class: "mark" }],
    ],
    waiting: [["circle", { cx: 8, cy: 8, r: 6.2, class: "line" }], ["path", { d: "M8 4.4V8l2.5 1.7", class: "line" }]],
    unknown: [
        ["circle", { cx: 8, cy: 8, r: 6.2, class: "line dashed" }],
        ["path", { d: "M5.6 8h4.8", class: "line" }],
    ],
};

export function icon(tone) {
    return h(
        "svg",
        { class: `icon ${tone}`, viewBox: "0 0 16 16", "aria-hidden": "true" },
        shapes[tone].map(([tag, props]) => h(tag, props)),
    );
}

/// A shape, a word and a colour.
export function badge(tone, word, props = {}) {
    return h("span", { ...props, class: `badge ${tone} ${props.class ?? ""}` }, icon(tone), h("span", null, word));
}

export function answerBadge(answer, props = {}) {
    const tone = answerOf(answer);
    return badge(tone, tone, { title: clean(answer?.sentence ?? ""), ...props });
}

/// "3 min ago", with the moment in the title.
export function when(time, { clock = null, words = ago } = {}) {
    const moment = Date.parse(time ?? "");
    if (!Number.isFinite(moment)) return h("span", { class: "quiet" }, "never");
    const least = clock === "floor";
    const title = absolute(moment) + (least ? "; the box's clock was not to be trusted: at least this late" : "");
    return h("time", { datetime: new Date(moment).toISOString(), title }, least ? "after " : null, words(moment));
}

/// "for 3 min", with the moment in the title.
export const lasting = (time) => when(time, { words: (moment) => `for ${duration(Math.max(0, now() - moment) / 1000)}` });

export const atClock = (time, clock) => when(time, { clock, words: (moment) => clockTime(moment) });

/// Commands in a sentence stand between backticks, and times are in UTC.
function spoken(words) {
    return h("bdi", null, words.split("`").map((part, index, all) => (index % 2 && index < all.length - 1 ? h("code", null, part) : timed(part))));
}

function timed(words) {
    return words.split(/(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)/).map((part, index) => {
        const moment = index % 2 ? Date.parse(part) : NaN;
        if (!Number.isFinite(moment)) return part;
        const date = day(moment) === day(now()) ? "" : `${day(moment)} `;
        return h("time", { datetime: part, title: absolute(moment) }, date + clockTime(moment));
    });
}

/// A sentence; what is very long is folded up behind its beginning.
export function sentence(text, props = {}) {
    const words = clean(text);
    if (words.length <= 320) return h("p", props, spoken(words));
    return h(
        "details",
        { ...props, key: props.key ?? words.slice(0, 40), class: `${props.class ?? ""} folded` },
        h("summary", null, h("bdi", null, `${words.slice(0, 240)}…`)),
        h("p", null, h("bdi", null, words)),
    );
}

export function bundleChip(bundle, { link = true } = {}) {
    if (!bundle) return h("span", { class: "quiet" }, "nothing");
    const words = [
        outside(bundleName(bundle), { class: "bundle-name" }),
        bundle.name ? h("code", { class: "digest" }, clean(String(bundle.digest ?? "").slice(0, 8))) : null,
    ];
    const props = { class: "bundle", title: `${clean(bundleName(bundle))}, digest ${clean(bundle.digest)}` };
    return link && bundle.digest ? h("a", { ...props, href: links.bundle(bundle.digest) }, words) : h("span", props, words);
}

export function labelChips(labels, { limit = Infinity, kind = "" } = {}) {
    const all = entries(labels).sort(([one], [other]) => (one < other ? -1 : 1));
    const shown = all.slice(0, limit).map(([name, value]) =>
        h(
            "a",
            { class: `label ${kind}`, key: `${kind}${name}`, href: links.devices({ label: `${name}=${value}` }), title: `devices with ${clean(name)}=${clean(value)}` },
            h("span", { class: "label-name" }, outside(name)),
            outside(value),
        ),
    );
    if (all.length > shown.length) shown.push(h("span", { class: "quiet", key: "more" }, `+${all.length - shown.length}`));
    return shown;
}

/// A table whose rows are links, and that becomes a list of cards where there is no room. A column is
/// { name, cell(row), head?, sort?, wide? }; a row's own link is marked with `rowLink`.
export function table({ caption, columns, rows, key, open = null, sorted = null, onSort = null, empty }) {
    if (!rows.length) return h("p", { class: "empty" }, empty);
    return h(
        "table",
        { class: open ? "rows open" : "rows", role: "table" },
        h("caption", { class: "unseen" }, caption),
        h(
            "thead",
            { role: "rowgroup" },
            h(
                "tr",
                { role: "row" },
                columns.map((column) =>
                    h(
                        "th",
                        {
                            scope: "col", role: "columnheader", class: column.class,
                            "aria-sort": column.sort && onSort ? (sorted === column.sort ? column.order ?? "ascending" : "none") : null,
                        },
                        column.sort && onSort
                            ? h(
                                "button",
                                { type: "button", class: "sort", onclick: () => onSort(column.sort) },
                                column.name,
                                h("span", { class: "arrow", "aria-hidden": "true" }, sorted === column.sort ? (column.order === "descending" ? "▼" : "▲") : ""),
                            )
                            : column.name,
                    ),
                ),
            ),
        ),
        h(
            "tbody",
            { role: "rowgroup" },
            rows.map((row) =>
                h(
                    "tr",
                    { key: key(row), role: "row", onclick: open ? (event) => opened(event, open(row)) : null },
                    columns.map((column, index) =>
                        h(
                            index === 0 ? "th" : "td",
                            { scope: index === 0 ? "row" : null, role: index === 0 ? "rowheader" : "cell", class: column.class, "data-name": column.name },
                            column.cell(row),
                        ),
                    ),
                ),
            ),
        ),
    );
}

/// A click anywhere in a row opens it, unless it was meant for something in it or for marking text.
function opened(event, address) {
    if (event.target.closest("a, button, summary, input")) return;
    if (!getSelection().isCollapsed) return;
    if (event.ctrlKey || event.metaKey) open(address, "_blank", "noopener");
    else location.hash = address;
}

export const rowLink = (address, ...children) => h("a", { href: address, "data-row": true }, children);

/// Shares of a whole, as widths of one bar.
export function shares(parts, whole) {
    return h(
        "div",
        { class: "shares", "aria-hidden": "true" },
        parts.filter(([, number]) => number > 0).map(([tone, number]) =>
            h("span", { key: tone, class: tone, style: { "flex-grow": String(number / Math.max(1, whole)) } }),
        ),
    );
}

export function countsOf(answer) {
    return answers.map((name) => [name, Number.isFinite(answer?.[name]) ? answer[name] : 0]);
}

export function panel(id, title, extra, ...children) {
    return h(
        "section",
        { class: "panel", key: id, "aria-labelledby": `${id}-title` },
        h("div", { class: "panel-head" }, h("h2", { id: `${id}-title` }, title), extra),
        children,
    );
}

/// Answers that are not "yes" of a device, the worst first, in words.
export function worries(row) {
    const order = { no: 0, unknown: 1, waiting: 2, yes: 3 };
    return Object.keys(questions)
        .map((question) => ({ question, answer: row[question] }))
        .filter(({ answer }) => answerOf(answer) !== "yes")
        .sort((one, other) => order[answerOf(one.answer)] - order[answerOf(other.answer)]);
}

/// One line of what happened, as lists of events have it.
export function eventLine(event, { withDevice = true, fresh = false } = {}) {
    const [tone, word] = event.kind === "update" ? outcome(event.result, event.state) : ["unknown", event.kind];
    const ended = event.kind === "update" && event.result;
    return h(
        "li",
        { key: event.id, class: fresh ? "event fresh" : "event" },
        when(event.received),
        h("span", { class: "event-mark" }, ended ? icon(tone) : h("span", { class: "bullet" })),
        h(
            "div",
            { class: "event-words" },
            withDevice ? h("a", { href: links.device(event.device), class: "event-device" }, outside(event.device)) : null,
            " ",
            event.kind === "update"
                ? [
                    event.bundle ? [bundleChip(event.bundle), " "] : null,
                    h("span", null, outside(event.state)),
                    ended ? [" ", h("span", { class: `word ${tone}` }, outside(word))] : null,
                    event.endpoint ? h("span", { class: "quiet" }, " on ", outside(event.endpoint)) : null,
                    why(event) ? sentence(why(event), { class: "event-why" }) : null,
                ]
                : [h("span", { class: "word unknown" }, outside(event.kind)), sentence(event.sentence, { class: "event-why" })],
        ),
    );
}

/// Events that belong to one update of one endpoint, the newest update first.
export function grouped(events) {
    const groups = [];
    const open = new Map(); // device and endpoint -> the group that older events may still belong to
    for (const event of events) {
        const place = `${event.device} ${event.endpoint}`;
        const about = event.kind === "update" ? `${event.serial} ${event.bundle?.digest ?? ""}` : null;
        const group = open.get(place);
        if (about && group?.about === about) group.events.push(event);
        else {
            const made = { about, events: [event] };
            groups.push(made);
            if (about) open.set(place, made);
        }
    }
    return groups;
}

/// The event of a group that says how it went: the newest with a result, else the newest.
export const telling = (group) => group.events.find((event) => event.result) ?? group.events[0];

/// One line for an update, whatever number of steps it has.
export function groupLine(group, fresh) {
    const [newest] = group.events;
    if (!group.about) return eventLine(newest, { fresh });
    const event = telling(group);
    const [tone, word] = outcome(event.result, newest.state);
    const words = why(event) || why(newest);
    return h(
        "li",
        { key: `update-${group.events.at(-1).id}`, class: fresh ? "event fresh" : "event" },
        when(newest.received),
        h("span", { class: "event-mark" }, icon(tone)),
        h(
            "div",
            { class: "event-words" },
            h("a", { href: links.device(newest.device), class: "event-device" }, outside(newest.device)), " ",
            newest.bundle ? [bundleChip(newest.bundle), " "] : null,
            h("span", { class: `word ${tone}`, title: clean(event.result ?? "") }, outside(event.result ? word : `${newest.state}…`)),
            h("span", { class: "quiet" }, " on ", outside(newest.endpoint)),
            words ? sentence(words, { class: "event-why" }) : null,
        ),
    );
}

/// Why an event came about, where there is more to say than that the step before was done.
export function why(event) {
    // How it ended is told by the word beside it.
    const reason = String(event.reason ?? "").replace(/^(done|began|refused|failed)(: |$)/, "");
    const detail = event.detail && !reason.includes(event.detail) ? event.detail : "";
    return [reason, detail].filter(Boolean).join(" — ");
}

/// Events with a line before each day: each step for itself, or whole updates.
export function byDay(events, { freshAfter = Infinity, steps = true } = {}) {
    const children = [];
    let last = null;
    for (const group of steps ? events.map((event) => ({ events: [event] })) : grouped(events)) {
        const [event] = group.events;
        const moment = Date.parse(event.received);
        const today = Number.isFinite(moment) ? day(moment) : null;
        if (today && today !== last && (last !== null || today !== day(Date.now()))) {
            children.push(h("li", { key: `day-${today}`, class: "day" }, today));
        }
        last = today ?? last;
        const fresh = event.id > freshAfter;
        children.push(steps ? eventLine(event, { fresh }) : groupLine(group, fresh));
    }
    return children;
}

export function facts(pairs) {
    return h(
        "dl",
        { class: "facts" },
        pairs.filter(Boolean).map(([name, value]) => h("div", { key: name }, h("dt", null, name), h("dd", null, value))),
    );
}

/// What a newcomer does first.
export function firstSteps() {
    const step = (title, command, words) =>
        h("li", null, h("h3", null, title), command ? h("pre", { class: "command", tabindex: "0" }, h("code", null, command)) : null, sentence(words));
    return h(
        "section",
        { class: "hero", key: "first", "aria-labelledby": "first-title" },
        h("h1", { id: "first-title" }, "No device has enrolled yet"),
        h("p", null, "Three steps bring the first box here. This page shows it by itself as soon as it reports."),
        h(
            "ol",
            { class: "steps" },
            step("On this machine, make a token", "edgefleet token create --data DIR --uses 1",
                "DIR is the folder that `edgefleet serve` was started with. The token names this server and how to know it; it is secret."),
            step("On the box, enrol with it", "edgeagent enroll --token TOKEN",
                "The box makes its own key, checks that this is the server the token names, and gets a certificate."),
            step("On the box, run the agent", "edgeagent run",
                "It reports at once. Where the agent runs as a service it has noticed by itself."),
        ),
    );
}

export { brief, count, plural };
