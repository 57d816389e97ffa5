// Bundles: which there are, and who runs, wants or refused one.

import { h } from "./dom.js";
import { answerBadge, badge, bundleChip, count, facts, icon, links, list, outside, panel, plural, rowLink, sentence, table, when } from "./parts.js";
import { bundleName, clean, outcome } from "./words.js";

export const bundles = {
    paths: () => ({ "/api/bundles": 3 }),

    title: (app) => {
        const value = app.data.value("/api/bundles");
        return value ? plural(list(value.bundles).length, "bundle") : "Bundles";
    },

    view: (app) => {
        const value = app.data.value("/api/bundles");
        if (!value) return null;
        const all = list(value.bundles);
        const sort = app.route.query.get("sort") ?? "name";
        const columns = [
            { name: "Bundle", sort: "name", cell: (row) => rowLink(links.bundle(row.digest), outside(bundleName(row))) },
            { name: "Digest", class: "narrow", cell: (row) => h("code", { class: "digest", title: clean(row.digest) }, clean(String(row.digest).slice(0, 12))) },
            { name: "Deployment", sort: "serial", order: "descending", class: "number", cell: (row) => count(row.serial) },
            { name: "Runs on", sort: "running", order: "descending", class: "number", cell: (row) => count(row.running) },
            { name: "Wanted by", sort: "wanted", order: "descending", class: "number", cell: (row) => count(row.wanted) },
            {
                name: "Refused by", sort: "refused", order: "descending", class: "number",
                cell: (row) => (row.refused ? badge("no", count(row.refused)) : count(row.refused ?? 0)),
            },
            { name: "Endpoints", cell: (row) => list(row.endpoints).map((name, index) => [index ? ", " : "", outside(name)]) },
        ];
        const order = sort === "name"
            ? (one, other) => bundleName(one).localeCompare(bundleName(other), "en", { numeric: true })
            : (one, other) => (other[sort] ?? -1) - (one[sort] ?? -1);
        return [
            h("div", { class: "page-head" }, h("h1", { tabindex: "-1" }, "Bundles"), h("p", { class: "lede" }, `${count(all.length)} that boxes run, want or refused`)),
            table({
                caption: "Bundles", columns, rows: [...all].sort(order), key: (row) => row.digest, open: (row) => links.bundle(row.digest),
                sorted: sort, onSort: (name) => app.ask({ sort: name === "name" ? null : name }),
                empty: ["No box runs or wants one yet. A bundle comes here when a box takes it: ", h("code", null, "edgepack publish"), " brings one into a repository, ", h("code", null, "edgepack deploy"), " has boxes run it."],
            }),
        ];
    },
};

const path = (route) => `/api/bundles/${encodeURIComponent(route.id)}`;

export const bundle = {
    paths: (route) => ({ [path(route)]: 3 }),

    title: (app) => {
        const value = app.data.value(path(app.route));
        return value ? clean(`${bundleName(value)}: ${value.running ?? 0} run it, ${value.refused ?? 0} refused it`) : "Bundle";
    },

    view: (app) => {
        const value = app.data.value(path(app.route));
        if (!value) {
            return app.data.isMissing(path(app.route))
                ? h("section", { class: "hero" }, h("h1", { tabindex: "-1" }, "No box runs or wants that bundle"), h("p", null, "How it went where one tried it stands among the ", h("a", { href: "#/events" }, "events"), ". ", h("a", { href: "#/bundles" }, "Look at those there are"), "."))
                : null;
        }
        const uses = list(value.devices).flatMap((row) =>
            list(row.endpoints)
                .filter((endpoint) => endpoint.running?.digest === value.digest || endpoint.wanted?.digest === value.digest)
                .map((endpoint) => ({ row, endpoint, runs: endpoint.running?.digest === value.digest })));
        const running = uses.filter((use) => use.runs);
        const waiting = uses.filter((use) => !use.runs);
        const refusals = list(value.refusals);
        return [
            h("nav", { class: "crumbs", "aria-label": "Where this is" }, h("a", { href: "#/bundles" }, "Bundles"), h("span", { "aria-hidden": "true" }, "/")),
            h("div", { class: "page-head" }, h("h1", { tabindex: "-1" }, outside(bundleName(value)))),
            h("p", { class: "whole-digest", key: "digest" }, h("code", null, clean(value.digest))),
            h("div", { class: "answers", key: "counts" },
                tile("yes", value.running, "run it", links.devices({ running: value.digest })),
                tile("waiting", value.wanted, "are meant to", null),
                tile(value.refused ? "no" : "unknown", value.refused, "refused it", null)),
            h("div", { class: "columns wide-left", key: "columns" },
                h("div", { class: "column" },
                    refusals.length ? panel("refusals", "Who refused it, and why", h("small", null, plural(refusals.length, "device")), refusalTable(refusals)) : null,
                    waiting.length ? panel("waiting", "Who is to run it and does not yet", h("small", null, plural(waiting.length, "endpoint")), useTable(waiting, "Who is to run it", true)) : null,
                    panel("running", "Who runs it", h("small", null, running.length < (value.running ?? 0) ? `the first ${count(running.length)} of ${count(value.running)}` : plural(running.length, "endpoint")),
                        useTable(running, "Who runs it", false))),
                h("div", { class: "column" }, panel("about", "About it", null, facts([
                    ["Name", value.name ? outside(value.name) : h("span", { class: "quiet" }, "not known")],
                    ["Version", value.version ? outside(value.version) : h("span", { class: "quiet" }, "not known")],
                    Number.isFinite(value.serial) ? ["Deployment", count(value.serial)] : null,
                    ["Endpoints", list(value.endpoints).map((name, index) => [index ? ", " : "", outside(name)])],
                ])))),
        ];
    },
};

function tile(tone, number, words, address) {
    const inside = [h("span", { class: "number" }, count(number ?? 0)), h("span", { class: "count-word" }, icon(tone), words)];
    return h("div", { class: "answer-card tile", key: words },
        address ? h("a", { class: `count ${tone} ${number ? "" : "none"}`, href: address }, inside) : h("p", { class: `count ${tone} ${number ? "" : "none"}` }, inside));
}

function refusalTable(refusals) {
    return table({
        caption: "Who refused it, and why", rows: refusals, key: (one) => `${one.device} ${one.endpoint}`, open: (one) => links.device(one.device), empty: "Nobody.",
        columns: [
            { name: "Device", cell: (one) => rowLink(links.device(one.device), outside(one.device)) },
            { name: "Endpoint", cell: (one) => outside(one.endpoint) },
            { name: "Result", cell: (one) => h("span", { title: clean(one.result) }, badge(outcome(one.result)[0], outside(outcome(one.result)[1]))) },
            { name: "Why", class: "why", cell: (one) => sentence(one.sentence) },
        ],
    });
}

function useTable(uses, caption, withReason) {
    return table({
        caption, rows: uses, key: (use) => `${use.row.id} ${use.endpoint.name}`, open: (use) => links.device(use.row.id), empty: "No box does.",
        columns: [
            { name: "Device", cell: (use) => rowLink(links.device(use.row.id), outside(use.row.id)) },
            { name: "Endpoint", cell: (use) => outside(use.endpoint.name) },
            withReason
                ? { name: "Runs", cell: (use) => bundleChip(use.endpoint.running) }
                : { name: "Healthy", class: "answer", cell: (use) => answerBadge(use.endpoint.healthy) },
            withReason
                ? { name: "Why", class: "why", cell: (use) => h("div", { class: "clamp" }, outside(use.endpoint.converged?.sentence)) }
                : { name: "Reachable", class: "answer", cell: (use) => answerBadge(use.row.reachable) },
            { name: "Seen", class: "seen", cell: (use) => when(use.row.lastSeen) },
        ],
    });
}
