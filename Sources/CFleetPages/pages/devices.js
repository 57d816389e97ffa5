// The table of devices.

import { h } from "./dom.js";
import {
    answerBadge, brief, bundleChip, count, countsOf, entries, firstSteps, icon, labelChips, links, list, outside, plural,
    rowLink, table, when, worries,
} from "./parts.js";
import { answers, clean, questions, reasonWords } from "./words.js";

const PAGE = 100;
const FILTERS = ["q", "reachable", "converged", "healthy", "label", "running", "membership", "sort"];

const offsetOf = (query) => Math.max(0, Number.parseInt(query.get("offset") ?? "0", 10) || 0);

function path(query) {
    const asked = new URLSearchParams();
    for (const name of FILTERS) {
        const value = query.get(name);
        if (value && !(name === "sort" && value === "worst")) asked.set(name, value);
    }
    asked.set("offset", offsetOf(query));
    asked.set("limit", PAGE);
    return `/api/devices?${asked}`;
}

export const devices = {
    paths: (route) => ({ [path(route.query)]: 3, "/api/overview": 3 }),

    title: (app) => {
        const value = app.data.value(path(app.route.query));
        return value ? plural(value.matching, "device") : "Devices";
    },

    view: (app) => {
        const query = app.route.query;
        // While a new question is on its way the last answer stays.
        const value = app.data.value(path(query)) ?? app.ui.get("devices:last")
            ?? (app.data.problem(path(query)) ? { total: 1, matching: 0, offset: 0, devices: [] } : null);
        if (!value) return null;
        app.ui.set("devices:last", value);
        if (!value.total) return firstSteps();
        const filtered = FILTERS.some((name) => name !== "sort" && query.get(name));
        return [
            h("div", { class: "page-head" },
                h("h1", { tabindex: "-1" }, "Devices"),
                h("p", { class: "lede", "aria-live": "polite" },
                    filtered ? `${count(value.matching)} of ${plural(value.total, "device")}` : plural(value.total, "device"))),
            filters(app, query, value),
            table({
                caption: "Devices",
                columns,
                rows: list(value.devices),
                key: (row) => row.id,
                open: (row) => links.device(row.id),
                sorted: query.get("sort") ?? "worst",
                onSort: (sort) => app.ask({ sort: sort === "worst" ? null : sort, offset: null }),
                empty: ["No device is like that. ", h("a", { href: "#/devices" }, "Show all of them"), "."],
            }),
            pages(app, query, value),
        ];
    },

    spoken: (app) => {
        const value = app.data.value(path(app.route.query));
        return value ? plural(value.matching, "device") : "";
    },
};

const columns = [
    {
        name: "Device", sort: "id", class: "wide",
        cell: (row) => [
            rowLink(links.device(row.id), outside(row.id)), " ",
            row.membership !== "enrolled" ? h("span", { class: "word no" }, outside(row.membership)) : null,
            h("div", { class: "labels" }, labelChips(row.labels, { limit: 3 })),
        ],
    },
    ...Object.keys(questions).map((question) => ({
        name: questions[question].title, class: "answer", cell: (row) => answerBadge(row[question]),
    })),
    {
        name: "Why", sort: "worst", order: "descending", class: "why",
        cell: (row) => {
            const [worst] = worries(row);
            return worst
                ? h("div", { class: "clamp", title: clean(worst.answer?.sentence) }, outside(worst.answer?.sentence))
                : h("span", { class: "quiet" }, "all is well");
        },
    },
    {
        name: "Runs", class: "runs",
        cell: (row) => list(row.endpoints).length
            ? [
                list(row.endpoints).slice(0, 3).map((endpoint) =>
                    h("div", { key: endpoint.name, class: "run" }, h("span", { class: "quiet" }, outside(endpoint.name), ": "), bundleChip(endpoint.running))),
                list(row.endpoints).length > 3 ? h("span", { class: "quiet" }, `and ${row.endpoints.length - 3} more`) : null,
            ]
            : h("span", { class: "quiet" }, "nothing"),
    },
    { name: "Seen", sort: "lastSeen", class: "seen", cell: (row) => when(row.lastSeen) },
];

function filters(app, query, value) {
    const overview = app.data.value("/api/overview");
    const problem = app.data.problem(path(query));
    const odd = (question) => query.get(question) && !answers.includes(query.get(question));
    const labels = new Set();
    for (const row of list(value.devices)) {
        for (const [name, text] of [...entries(row.labels), ...entries(row.ownLabels)]) {
            if (labels.size < 200) labels.add(`${name}=${text}`);
        }
    }
    return h(
        "search",
        { class: "filters", key: "filters", "aria-label": "Filter devices" },
        h("div", { class: "filter-row" },
            h("label", { class: "field grow" },
                h("span", { class: "unseen" }, "Filter by id, label or bundle"),
                h("input", {
                    type: "search", id: "filter", placeholder: "Filter by id, label or bundle", autocomplete: "off", spellcheck: "false",
                    value: app.typed("q"), oninput: (event) => app.askSoon({ q: event.target.value, offset: null }),
                }),
                h("kbd", { "aria-hidden": "true" }, "/")),
            h("label", { class: "field" },
                h("span", { class: "unseen" }, "Label"),
                h("input", {
                    type: "search", list: "labels", placeholder: "label=value", autocomplete: "off", spellcheck: "false", class: "label-input",
                    value: app.typed("label"), oninput: (event) => app.askSoon({ label: event.target.value, offset: null }),
                }),
                h("datalist", { id: "labels" }, [...labels].sort().map((label) => h("option", { value: label, key: label })))),
            h("label", { class: "field" },
                h("span", { class: "unseen" }, "Membership"),
                h("select", { value: query.get("membership") ?? "", onchange: (event) => app.ask({ membership: event.target.value, offset: null }) },
                    [["", "not decommissioned"], ["enrolled", "enrolled"], ["revoked", "revoked"], ["decommissioned", "decommissioned"], ["all", "any membership"]]
                        .map(([name, words]) => h("option", { value: name, key: name }, words)))),
        ),
        h("div", { class: "chip-groups" }, Object.keys(questions).map((question) =>
            h("div", { class: "chip-group", role: "group", "aria-label": questions[question].title, key: question },
                h("span", { class: "chip-title" }, questions[question].title),
                countsOf(overview?.[question])
                    .filter(([name, number]) => number || name === "yes" || name === "no" || query.get(question) === name)
                    .map(([name, number]) => {
                        const pressed = query.get(question) === name;
                        return h("button", {
                            type: "button", class: `chip ${name}`, key: name, "aria-pressed": String(pressed),
                            onclick: () => app.ask({ [question]: pressed ? null : name, offset: null }),
                        }, icon(name), name, h("span", { class: "chip-count" }, overview ? brief(number) : ""));
                    }))),
            Object.keys(questions).filter(odd).map((question) =>
                h("button", { type: "button", class: "chip", key: question, "aria-pressed": "true", onclick: () => app.ask({ [question]: null, offset: null }) },
                    `${question}: `, outside(reasonWords(query.get(question))), " ✕")),
            query.get("running")
                ? h("button", { type: "button", class: "chip", key: "running", "aria-pressed": "true", onclick: () => app.ask({ running: null, offset: null }) },
                    "runs ", h("code", null, clean(query.get("running").slice(0, 24))), " ✕")
                : null,
            FILTERS.some((name) => name !== "sort" && query.get(name))
                ? h("a", { class: "clear", key: "clear", href: "#/devices" }, "clear all filters")
                : null),
        problem ? h("p", { class: "word no", role: "alert", key: "problem" }, icon("no"), " ", outside(problem)) : null,
    );
}

function pages(app, query, value) {
    const offset = Number.isFinite(value.offset) ? value.offset : 0;
    if (value.matching <= PAGE && offset === 0) return null;
    const last = Math.min(value.matching, offset + list(value.devices).length);
    const step = (words, to, isThere) =>
        h("button", { type: "button", disabled: !isThere, onclick: () => app.ask({ offset: to || null }, { top: true }) }, words);
    return h("nav", { class: "pages", key: "pages", "aria-label": "Pages of the table" },
        step("← Before", Math.max(0, offset - PAGE), offset > 0),
        h("span", null, `${count(offset + 1)}–${count(last)} of ${count(value.matching)}`),
        step("Next →", offset + PAGE, last < value.matching));
}
