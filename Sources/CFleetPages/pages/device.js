// One device: how it is, what it runs, what happened to it.

import { h } from "./dom.js";
import {
    answerBadge, atClock, badge, bundleChip, entries, facts, grouped, icon, labelChips, lasting, list, outside, panel, plural, sentence,
    telling, when, why,
} from "./parts.js";
import { plots } from "./plots.js";
import { answerOf, brief, bytes, clean, count, day, duration, figure, now, outcome, questions, seconds } from "./words.js";

const HOURS = [[1, "1 h"], [6, "6 h"], [24, "24 h"], [168, "7 d"]];

const path = (route) => `/api/devices/${encodeURIComponent(route.id)}`;
const hoursOf = (route) => HOURS.map(([hours]) => hours).find((hours) => String(hours) === route.query.get("hours")) ?? 6;
const metricsPath = (route) => `${path(route)}/metrics?hours=${hoursOf(route)}`;

export const device = {
    paths: (route) => ({ [path(route)]: 3, [metricsPath(route)]: 9 }),

    title: (app) => {
        const value = app.data.value(path(app.route));
        if (!value) return app.route.id;
        const wrong = Object.keys(questions).filter((question) => answerOf(value[question]) !== "yes");
        return `${clean(value.id)}: ${wrong.length ? wrong.map((question) => `${question} ${answerOf(value[question])}`).join(", ") : "all is well"}`;
    },

    view: (app) => {
        const value = app.data.value(path(app.route));
        if (!value) {
            return app.data.isMissing(path(app.route))
                ? h("section", { class: "hero" }, h("h1", { tabindex: "-1" }, "There is no device ", outside(app.route.id)),
                    h("p", null, h("a", { href: "#/devices" }, "Look at those there are"), "."))
                : null;
        }
        return [
            h("nav", { class: "crumbs", "aria-label": "Where this is" }, h("a", { href: "#/devices" }, "Devices"), h("span", { "aria-hidden": "true" }, "/")),
            h("div", { class: "page-head" },
                h("h1", { tabindex: "-1" }, outside(value.id)),
                value.membership !== "enrolled" ? badge("no", outside(value.membership)) : null,
                h("p", { class: "lede" }, "last seen ", when(value.lastSeen), value.address ? [" from ", outside(value.address)] : null)),
            h("div", { class: "labels", key: "labels" }, labelChips(value.labels), labelChips(ownOnly(value), { kind: "own" })),
            h("div", { class: "answers", key: "answers" }, Object.keys(questions).map((question) => answerCard(question, value[question]))),
            value.sync
                ? h("div", { class: "notice waiting", key: "sync" }, icon("waiting"),
                    h("div", null, h("b", null, "It can't follow its repository: waits for ", outside(value.sync.waitingFor), ", ", lasting(value.sync.since)),
                        sentence(value.sync.sentence)))
                : null,
            h("div", { class: "columns wide-left", key: "columns" },
                h("div", { class: "column" }, endpoints(value), numbers(app, value), timeline(app, value), logs(value)),
                h("div", { class: "column" }, about(value), certificates(value))),
        ];
    },

    spoken: (app) => {
        const value = app.data.value(path(app.route));
        return value ? Object.keys(questions).map((question) => `${questions[question].title}: ${answerOf(value[question])}.`).join(" ") : "";
    },
};

const ownOnly = (value) => Object.fromEntries(entries(value.ownLabels).filter(([name]) => !(name in (value.labels ?? {}))));

function answerCard(question, answer) {
    const tone = answerOf(answer);
    return h(
        "section",
        { class: `answer-card one ${tone}`, key: question, "aria-labelledby": `answer-${question}` },
        h("h2", { id: `answer-${question}` }, questions[question].title, h("small", null, questions[question].asks)),
        h("p", { class: "verdict" }, icon(tone), h("span", { class: `word ${tone}` }, tone),
            answer?.since ? h("span", { class: "since" }, lasting(answer.since)) : null),
        sentence(answer?.sentence, { class: "because" }),
        answer?.next ? sentence(answer.next, { class: "next" }) : null,
        h("details", { class: "rule", key: "rule" },
            h("summary", null, "the rule"),
            h("p", null, h("code", null, outside(answer?.predicate ?? "not told"))),
            h("p", { class: "quiet" }, "reason: ", h("code", null, outside(answer?.reason ?? "none")))),
    );
}

function endpoints(value) {
    const all = list(value.endpoints);
    return panel(
        "endpoints",
        "Endpoints",
        h("small", null, plural(all.length, "endpoint")),
        all.length
            ? h("div", { class: "endpoints" }, all.map(endpointCard))
            : h("p", { class: "empty" }, "It has reported no endpoint. A box gets one with ", h("code", null, "edgeagent enroll --endpoint NAME=ADDRESS"), " or in its configuration."),
    );
}

function endpointCard(endpoint) {
    const counters = endpoint.counters;
    const [tone, word] = outcome(endpoint.result, endpoint.state);
    return h(
        "article",
        { class: "endpoint", key: endpoint.name },
        h("div", { class: "endpoint-head" },
            h("h3", null, outside(endpoint.name)),
            h("code", { class: "quiet" }, outside(endpoint.listen)),
            h("span", { class: "endpoint-answers" },
                h("span", null, "converged ", answerBadge(endpoint.converged)), h("span", null, "healthy ", answerBadge(endpoint.healthy)))),
        h("dl", { class: "trio" },
            [["Runs", endpoint.running], ["Wanted", endpoint.wanted], ["Before", endpoint.previous]].map(([name, bundle]) =>
                h("div", { key: name }, h("dt", null, name), h("dd", null, bundleChip(bundle),
                    Number.isFinite(bundle?.serial) ? h("small", null, `deployment ${bundle.serial}`) : null)))),
        h("p", { class: "endpoint-state" },
            h("span", { class: "state" }, outside(endpoint.state)),
            // At rest the result is that of the last try, which may be of another bundle than is wanted now.
            endpoint.result && endpoint.state === "Idle" ? h("span", { class: "quiet" }, "last try: ") : null,
            endpoint.result ? badge(tone, outside(word), { title: clean(endpoint.result) }) : null,
            endpoint.since ? h("span", { class: "since" }, lasting(endpoint.since)) : null,
            endpoint.containment ? h("span", { class: "quiet" }, "containment: ", outside(endpoint.containment)) : null),
        endpoint.sentence ? sentence(endpoint.sentence, { class: "because" }) : null,
        counters
            ? h("ul", { class: "counters" },
                [
                    ["requests", brief(counters.requests)],
                    ["failed", `${brief(counters.errors)}${counters.requests > 0 ? ` (${figure((100 * counters.errors) / counters.requests)} %)` : ""}`],
                    ["restarts", brief(counters.restarts)],
                    ["p50", seconds(counters.p50Microseconds / 1e6)],
                    ["p99", seconds(counters.p99Microseconds / 1e6)],
                ].map(([name, words]) => h("li", { key: name }, h("b", null, words), h("span", null, name))))
            : null,
    );
}

function numbers(app, value) {
    const answer = app.data.value(metricsPath(app.route)) ?? app.ui.get(`metrics:${app.route.id}`);
    if (answer) app.ui.set(`metrics:${app.route.id}`, answer);
    const hours = hoursOf(app.route);
    const to = Math.floor(now() / 1000);
    const marks = list(value.events)
        .filter((event) => event.kind === "update" && event.result && !String(event.result).startsWith("waitingFor"))
        .map((event) => {
            const [tone, word] = outcome(event.result, event.state);
            return { key: `mark-${event.id}`, time: Date.parse(event.received) / 1000, tone, title: `${clean(event.endpoint)}: ${clean(word)}` };
        });
    const made = plots(answer?.series, { from: to - hours * 3600, to, marks, changed: app.changed });
    return panel(
        "numbers",
        "Numbers",
        h("div", { class: "segments", role: "group", "aria-label": "How far back" }, HOURS.map(([each, words]) =>
            h("button", { type: "button", key: words, "aria-pressed": String(each === hours), onclick: () => app.ask({ hours: each === 6 ? null : each }) }, words))),
        made.length
            ? h("div", { class: "plots" }, made)
            : h("p", { class: "empty" }, answer ? "No numbers have come in that time. A box sends them with its reports." : "Asking for the numbers…"),
    );
}

function timeline(app, value) {
    const groups = grouped(list(value.events));
    let last = null;
    const children = [];
    for (const group of groups) {
        const today = day(Date.parse(group.events[0].received) || 0);
        if (today !== last && !(last === null && today === day(Date.now()))) children.push(h("li", { key: `day-${today}`, class: "day" }, today));
        last = today;
        children.push(group.about ? update(app, group) : single(group.events[0]));
    }
    return panel(
        "timeline",
        "What happened",
        h("a", { class: "more", href: `#/events?${new URLSearchParams({ device: value.id })}` }, "all events"),
        groups.length ? h("ol", { class: "timeline" }, children) : h("p", { class: "empty" }, "Nothing yet."),
    );
}

function single(event) {
    return h("li", { class: "moment unknown", key: `event-${event.id}` },
        h("div", { class: "moment-mark" }, h("span", { class: "bullet" })),
        h("div", { class: "moment-words" },
            h("div", { class: "moment-head" }, h("b", null, outside(event.kind)), when(event.received)),
            sentence(event.sentence)));
}

function update(app, group) {
    const newest = group.events[0];
    const oldest = group.events.at(-1);
    const event = telling(group);
    const [tone, word] = outcome(event.result, newest.state);
    const logged = group.events.find((event) => event.hasLog);
    const steps = [...group.events].reverse();
    const reason = why(event) || why(newest);
    return h(
        "li",
        // The oldest event is what the group keeps while it grows.
        { class: `moment ${tone}`, key: `update-${oldest.id}` },
        h("div", { class: "moment-mark" }, icon(tone)),
        h("div", { class: "moment-words" },
            h("div", { class: "moment-head" },
                bundleChip(newest.bundle), h("span", { class: `word ${tone}`, title: clean(event.result ?? "") }, outside(word)),
                when(newest.received),
                h("span", { class: "quiet" }, "on ", outside(newest.endpoint), Number.isFinite(newest.serial) ? `, deployment ${newest.serial}` : "")),
            reason ? sentence(reason, { class: "because" }) : null,
            h("p", { class: "track-steps" }, steps.map((step, index) => {
                const took = index + 1 < steps.length ? (Date.parse(steps[index + 1].time) - Date.parse(step.time)) / 1000 : null;
                return h("span", { key: step.id, class: `step ${step.result ? outcome(step.result, step.state)[0] : ""}` },
                    outside(step.state), took >= 1 ? h("small", null, duration(took)) : null);
            })),
            logged ? log(app, logged) : null,
            h("details", { key: "steps", class: "steps-of" },
                h("summary", null, plural(steps.length, "step")),
                h("ol", null, steps.map((step) => h("li", { key: step.id },
                    atClock(step.time, step.clock), h("b", null, outside(step.state)),
                    h("span", null, outside(step.result && step.result !== "successful" ? step.result : ""), " ", outside(step.reason)),
                    step.detail && step.detail !== step.reason ? sentence(step.detail, { key: "detail" }) : null))))),
    );
}

function log(app, event) {
    const address = `/api/events/${encodeURIComponent(event.id)}`;
    const known = app.data.value(address);
    return h("details", {
        key: `log-${event.id}`, class: "log",
        ontoggle: async (toggled) => {
            if (toggled.target.open && !app.data.value(address)) await app.data.once(address);
        },
    },
        h("summary", null, "the end of its log"),
        known
            ? h("pre", { tabindex: "0", role: "region", "aria-label": "The end of its log" }, clean(known.log ?? "", true) || "It is empty.")
            : h("p", { class: "quiet" }, app.data.trouble ? "The log can't be fetched now." : "Asking for it…"));
}

function logs(value) {
    const lines = list(value.logs);
    if (!lines.length) return null;
    const tone = (severity) => (severity >= 17 ? ["no", "error"] : severity >= 13 ? ["waiting", "warning"] : ["unknown", "info"]);
    return panel(
        "logs",
        "Log of the agent",
        h("small", null, `newest ${lines.length}`),
        h("ol", { class: "log-lines" }, lines.map((one, index) => {
            const [how, word] = tone(one.severity);
            return h("li", { key: `${one.time} ${index}`, class: how }, atClock(one.time), h("span", { class: `word ${how}` }, word), sentence(one.body, { key: `${index}` }));
        })),
    );
}

function about(value) {
    const box = value.facts ?? {};
    const metadata = value.metadata;
    const lost = value.lost;
    return panel("about", "About it", null, facts([
        ["Channel", value.channel ? outside(value.channel) : h("span", { class: "quiet" }, "none")],
        ["Agent", box.agent || value.agent ? outside(box.agent || value.agent) : h("span", { class: "quiet" }, "not told")],
        box.system ? ["System", outside(box.system)] : null,
        box.kernel ? ["Kernel", [outside(box.kernel), " ", outside(box.machine)]] : null,
        Number.isFinite(box.processors) ? ["Processors", count(box.processors)] : null,
        Number.isFinite(box.memoryBytes) ? ["Memory", bytes(box.memoryBytes)] : null,
        Number.isFinite(box.uptime) ? ["Up for", duration(box.uptime)] : null,
        value.address ? ["Address", outside(value.address)] : null,
        Number.isFinite(value.interval) ? ["Reports", `every ${duration(value.interval)}`] : null,
        metadata
            ? ["Metadata", [`version ${count(metadata.timestampVersion)}, verified `, when(metadata.verified), metadata.source === "media" ? ", from media" : ""]]
            : null,
        value.moment
            ? ["Its clock", [when(value.moment.time, { clock: value.moment.clock }), value.moment.clock === "floor" ? h("span", { class: "word waiting" }, " not trusted") : ""]]
            : null,
        lost && (lost.records || lost.bytes) ? ["Lost", h("span", { class: "word no" }, `${plural(lost.records, "record")}, ${bytes(lost.bytes)}: its spool was full`)] : null,
        ["Enrolled", when(value.enrolled)],
    ]));
}

function certificates(value) {
    const all = list(value.certificates);
    return panel("certificates", "Certificates", null, all.length
        ? h("ul", { class: "certificates" }, all.map((one) => {
            const end = Date.parse(one.notAfter);
            const over = end < now();
            return h("li", { key: one.fingerprint },
                h("code", { title: clean(one.fingerprint) }, clean(String(one.fingerprint).slice(0, 16)), "…"),
                over ? badge("unknown", ["expired ", when(one.notAfter)]) : h("span", null, "good for ", when(one.notAfter, { words: (moment) => `${duration((moment - now()) / 1000)} more` })),
                h("span", { class: "quiet" }, "issued ", when(one.issued)));
        }))
        : h("p", { class: "empty" }, "None that counts."));
}
