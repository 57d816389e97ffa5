// What happened in the fleet, the newest first.

import { h } from "./dom.js";
import { byDay, icon, list, outside, plural } from "./parts.js";

const PAGE = 100;

function path(query) {
    const asked = new URLSearchParams();
    for (const name of ["device", "endpoint", "before"]) {
        if (query.get(name)) asked.set(name, query.get(name));
    }
    asked.set("limit", PAGE);
    return `/api/events?${asked}`;
}

export const events = {
    // What lies in the past does not change.
    paths: (route) => ({ [path(route.query)]: route.query.get("before") ? 3600 : 3 }),

    title: (app) => (app.route.query.get("device") ? `Events of ${app.route.query.get("device")}` : "Events"),

    view: (app) => {
        const query = app.route.query;
        const value = app.data.value(path(query)) ?? app.ui.get("events:last");
        const problem = app.data.problem(path(query));
        if (!value && !problem) return null;
        if (value) app.ui.set("events:last", value);
        const all = list(value?.events);
        // An update is a dozen steps; who wants to know what happened wants to know how it went.
        const steps = query.get("steps") === "all";
        const filtered = query.get("device") || query.get("endpoint");
        const field = (name, words, id) =>
            h("label", { class: "field grow", key: name }, h("span", { class: "unseen" }, words),
                h("input", {
                    type: "search", id, placeholder: words, autocomplete: "off", spellcheck: "false", value: app.typed(name),
                    oninput: (event) => app.askSoon({ [name]: event.target.value, before: null }),
                }));
        return [
            h("div", { class: "page-head" }, h("h1", { tabindex: "-1" }, "Events"),
                h("p", { class: "lede" },
                    query.get("before") ? "older ones" : all.length < PAGE ? plural(all.length, "event") : `the newest ${PAGE}`,
                    steps ? null : ", by update")),
            h("search", { class: "filters", key: "filters", "aria-label": "Filter events" },
                h("div", { class: "filter-row" }, field("device", "Device's id, whole", "filter"), field("endpoint", "Endpoint", "filter-endpoint")),
                h("div", { class: "chip-groups", key: "steps" },
                    h("button", { type: "button", class: "chip", "aria-pressed": String(steps), onclick: () => app.ask({ steps: steps ? null : "all" }) },
                        "every step of an update")),
                problem ? h("p", { class: "word no", role: "alert", key: "problem" }, icon("no"), " ", outside(problem)) : null),
            all.length
                ? h("section", { class: "panel", key: "list", "aria-label": "Events" }, h("ol", { class: "events" }, byDay(all, { steps, freshAfter: query.get("before") ? Infinity : app.newestAtStart(all) })))
                : h("p", { class: "empty", key: "none" }, filtered ? ["None are like that. ", h("a", { href: "#/events" }, "Show all of them"), "."]
                    : query.get("before") ? "Nothing is older." : "Nothing has happened yet. Updates, enrolments and what operators do appear here."),
            h("nav", { class: "pages", key: "pages", "aria-label": "Pages of events" },
                h("button", { type: "button", disabled: !query.get("before"), onclick: () => app.ask({ before: null }, { top: true }) }, "← Newest"),
                h("button", { type: "button", disabled: all.length < PAGE, onclick: () => app.ask({ before: all.at(-1)?.id }, { top: true, push: true }) }, "Older →")),
        ];
    },
};
