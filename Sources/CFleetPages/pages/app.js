// Where one is, what is shown there, and which keys do what.

import { bundle, bundles } from "./bundles.js";
import { Data } from "./data.js";
import { device } from "./device.js";
import { devices } from "./devices.js";
import { h, render } from "./dom.js";
import { events } from "./events.js";
import { overview } from "./overview.js";
import { list } from "./parts.js";
import { absolute, clean, clockTime } from "./words.js";

const tabs = [["#/", "Overview", "overview"], ["#/devices", "Devices", "devices"], ["#/bundles", "Bundles", "bundles"], ["#/events", "Events", "events"]];
const pages = { overview, devices, device, bundles, bundle, events };

const top = document.getElementById("top");
const main = document.getElementById("main");
const live = document.getElementById("live");
const keysDialog = document.getElementById("keys");

function read(hash) {
    const [path, query] = hash.replace(/^#\/?/, "").split(/\?(.*)/s);
    const [first, id] = path.split(/\/(.*)/s);
    let name = { "": "overview", devices: "devices", bundles: "bundles", events: "events" }[first] ?? "overview";
    let named = null;
    try {
        named = id ? decodeURIComponent(id) : null;
    } catch {
        // Not one of our addresses.
    }
    if (named !== null && (name === "devices" || name === "bundles")) name = name.slice(0, -1);
    return { hash, name, tab: name === "device" ? "devices" : name === "bundle" ? "bundles" : name, id: named, query: new URLSearchParams(query ?? "") };
}

const app = {
    route: read(location.hash),
    ui: new Map(),
    data: new Data(() => app.changed()),

    /// Shows what there is now, once per frame at most.
    changed: () => {
        if (drawing) return;
        // A hidden page gets no frames, and needs none.
        drawing = requestAnimationFrame(() => {
            drawing = 0;
            draw();
        });
    },

    /// Changes the question in the address; null takes a part away.
    ask: (changes, { push = false, top: toTop = false } = {}) => {
        clearTimeout(asking);
        const query = new URLSearchParams(app.route.query);
        for (const [name, value] of Object.entries({ ...pending, ...changes })) {
            if (value === null || value === "") query.delete(name);
            else query.set(name, value);
        }
        pending = {};
        const base = app.route.hash.split("?")[0] || "#/";
        const hash = query.size ? `${base}?${query}` : base;
        if (push) history.pushState(null, "", hash);
        else history.replaceState(null, "", hash);
        app.route = read(location.hash);
        app.data.want(pages[app.route.name].paths(app.route));
        app.changed();
        if (toTop) scrollTo(0, 0);
    },

    /// The same once the reader has stopped typing.
    askSoon: (changes) => {
        clearTimeout(asking);
        Object.assign(pending, changes);
        asking = setTimeout(() => app.ask({}), 200);
    },

    /// What the reader has typed for a part of the question, also while it is still to be asked.
    typed: (name) => pending[name] ?? app.route.query.get(name) ?? "",

    /// The newest event there was when this page was opened: what is newer is shown as new.
    newestAtStart: (all) => {
        const name = `newest:${app.route.name}`;
        if (!app.ui.has(name)) app.ui.set(name, list(all)[0]?.id ?? 0);
        return app.ui.get(name);
    },
};

let drawing = 0;
let asking = 0;
let pending = {};
let spoken = {};
const positions = new Map(); // hash -> { scroll, focus } for coming back

function draw() {
    const page = pages[app.route.name];
    const trouble = app.data.trouble;
    render(top, header());
    let content;
    try {
        content = page.view(app);
    } catch (error) {
        console.error(error);
        content = h("section", { class: "hero" }, h("h1", null, "This page can't be shown"), h("p", null, "What the server says of it can't be read: ", String(error.message)));
    }
    main.setAttribute("aria-busy", String(content === null));
    main.dataset.page = app.route.name;
    render(
        main,
        trouble
            ? h("div", { class: "notice no", key: "trouble", role: "alert" }, h("span", { "aria-hidden": "true" }, "⚠"),
                h("div", null, h("b", null, `Not connected since ${clockTime(trouble.since)}`), h("p", null, `${sentenceCase(clean(trouble.why))}.`,
                    content === null ? " Is edgefleet serve running?" : " What is shown is what was known then.")))
            : null,
        h("div", { class: trouble ? "page stale" : "page", key: app.route.name + (app.route.id ?? "") }, content ?? (trouble ? null : loading())),
    );
    render(document.getElementById("bottom"), footer());
    document.title = `${trouble ? "⚠ Not connected · " : ""}${page.title(app)} · Fleet`;
    speak(trouble ? `Not connected since ${clockTime(trouble.since)}` : page.spoken?.(app) ?? (app.data.heard ? "Connected" : ""));
    if (content !== null) arrive();
}

const sentenceCase = (text) => text.charAt(0).toUpperCase() + text.slice(1);

const loading = () => h("div", { class: "loading" }, h("span", { class: "unseen" }, "Asking the server…"), h("i"), h("i"), h("i"));

function header() {
    const data = app.data;
    const state = data.trouble ? "no" : data.isPaused ? "unknown" : data.heard ? "yes" : "unknown";
    const words = data.trouble ? "not connected" : data.isPaused ? "paused" : data.heard ? "live" : "connecting";
    return [
        h("a", { href: "#/", class: "brand", "aria-label": "Fleet" },
            h("svg", { viewBox: "0 0 20 20", "aria-hidden": "true" },
                h("path", { d: "M10 1.8 17.2 6v8L10 18.2 2.8 14V6z", class: "brand-line" }), h("circle", { cx: 10, cy: 10, r: 2.6, class: "brand-dot" })),
            h("span", null, "Fleet")),
        h("nav", { "aria-label": "Pages" }, tabs.map(([href, words, name]) => h("a", { href, key: name, "aria-current": app.route.tab === name ? "page" : null }, words))),
        h("span", { class: `connection ${state}`, title: data.heard ? `last heard ${absolute(data.heard)}` : "" }, h("i", { "aria-hidden": "true" }), words),
        h("button", { type: "button", class: "help", "aria-label": "Keys", title: "Keys (?)", onclick: showKeys }, "?"),
    ];
}

function footer() {
    const overview = app.data.value("/api/overview");
    return [
        h("span", null, overview?.version ? ["edgefleet ", clean(overview.version)] : "edgefleet"),
        h("span", null, "Read only: operators change things with ", h("code", null, "edgefleet"), " on a terminal"),
    ];
}

/// Says a change aloud to who can't see it; never what is only new because the page is.
function speak(words) {
    const about = app.route.hash.split("?")[0];
    if (!words || (words === spoken.words && about === spoken.about)) return;
    if (spoken.about === about) live.textContent = words;
    spoken = { about, words };
}

// Going somewhere

let arriving = false;
let returning = null;

function go() {
    if (location.hash === app.route.hash) return; // both events tell of most changes
    const before = app.route;
    app.route = read(location.hash);
    clearTimeout(asking);
    pending = {};
    // A filter that another address has is not the one typed here.
    if (document.activeElement?.matches("main input") && before.name !== app.route.name) document.activeElement.blur();
    returning = positions.get(app.route.hash) ?? null;
    arriving = before.name !== app.route.name || before.id !== app.route.id;
    app.data.want(pages[app.route.name].paths(app.route));
    draw();
}

/// Once there is something to see: the place and the row one came from, or the head of a new page.
function arrive() {
    if (!arriving) return;
    arriving = false;
    if (returning) {
        scrollTo(0, returning.scroll);
        const row = returning.focus && [...main.querySelectorAll("[data-row]")].find((link) => link.getAttribute("href") === returning.focus);
        if (row) return row.focus({ preventScroll: true });
    } else scrollTo(0, 0);
    main.querySelector("h1")?.focus({ preventScroll: true });
}

function leave() {
    const focus = document.activeElement?.closest("[data-row]")?.getAttribute("href") ?? document.activeElement?.closest("tr")?.querySelector("[data-row]")?.getAttribute("href");
    positions.set(app.route.hash, { scroll: scrollY, focus });
}

addEventListener("hashchange", go);
addEventListener("popstate", go);
document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (link?.classList.contains("skip")) {
        // "#main" is no page of ours.
        event.preventDefault();
        main.focus();
        main.scrollIntoView();
    } else if (link || event.target.closest("tr")) leave();
}, true);

// Keys

const keys = [
    ["/", "to the filter"],
    ["j k ↓ ↑", "to the next row, the one before"],
    ["Enter", "open"],
    ["Esc", "back"],
    ["g then o d b e", "overview, devices, bundles, events"],
    ["← →", "through time, on a plot"],
    ["?", "this list"],
];

const areKeysOn = () => localStorage.getItem("keys") !== "off";

function showKeys() {
    render(
        keysDialog,
        h("h2", { id: "keys-title" }, "Keys"),
        h("dl", { class: "keys" }, keys.map(([names, words]) =>
            h("div", { key: names }, h("dt", null, names.split(" ").map((name) => (name === "then" ? " then " : h("kbd", null, name)))), h("dd", null, words)))),
        h("label", { class: "keys-switch" },
            h("input", { type: "checkbox", initially: { checked: areKeysOn() }, onchange: (event) => localStorage.setItem("keys", event.target.checked ? "on" : "off") }),
            " single keys do something"),
        h("form", { method: "dialog" }, h("button", { onclick: (event) => (event.preventDefault(), keysDialog.close()) }, "Close")),
    );
    if (!keysDialog.open) keysDialog.showModal();
}

let prefix = 0; // when g was pressed

document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || keysDialog.open) return;
    const inField = event.target.closest?.("input, select, textarea");
    if (event.key === "Escape") return escape(inField);
    if (inField) {
        if (event.key === "ArrowDown" && inField.id === "filter" && move(1)) event.preventDefault();
        return;
    }
    if (event.key === "Enter") {
        if (event.target.closest?.("[data-row]")) leave();
        return;
    }
    const onPlot = event.target.closest?.(".plot, pre");
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && !onPlot) {
        if (event.target.closest?.("[data-row]") && move(event.key === "ArrowDown" ? 1 : -1)) event.preventDefault();
        return;
    }
    if (event.key.length !== 1 || !areKeysOn()) return;
    if (prefix && Date.now() - prefix < 1500) {
        prefix = 0;
        const to = { o: "#/", d: "#/devices", b: "#/bundles", e: "#/events" }[event.key];
        if (to) return (leave(), location.hash = to, event.preventDefault());
    }
    const does = {
        "/": () => focusFilter(),
        "?": showKeys,
        j: () => move(1),
        k: () => move(-1),
        g: () => (prefix = Date.now()),
    }[event.key];
    if (does) {
        does();
        event.preventDefault();
    }
});

function focusFilter() {
    const filter = document.getElementById("filter");
    if (filter) return filter.focus();
    leave();
    location.hash = "#/devices";
    // It is there once the page is.
    const wait = setInterval(() => {
        const now = document.getElementById("filter");
        if (now || app.route.name !== "devices") clearInterval(wait);
        now?.focus();
    }, 50);
}

/// To the row after or before the one that has the focus; the first one where none has.
function move(by) {
    const rows = [...main.querySelectorAll("[data-row]")];
    if (!rows.length) return false;
    const at = rows.indexOf(document.activeElement);
    const next = at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by));
    rows[next].focus();
    rows[next].closest("tr, li")?.scrollIntoView({ block: "nearest" });
    return true;
}

function escape(field) {
    if (field?.value && field.type === "search") return; // the browser empties it
    if (field) return field.blur();
    if (app.route.name === "device" || app.route.name === "bundle") {
        const up = `#/${app.route.tab}`;
        // Back where one came from, filters and all; up where one came from outside.
        if (positions.size && [...positions.keys()].some((hash) => hash.startsWith(up) || hash === "" || hash === "#/")) history.back();
        else location.hash = up;
    }
}

setInterval(() => document.hidden || app.changed(), 5000); // "3 min ago" grows old by itself
app.data.want(pages[app.route.name].paths(app.route));
arriving = Boolean(location.hash);
draw();
