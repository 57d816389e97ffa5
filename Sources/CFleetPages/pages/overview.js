// The fleet at a glance.

import { h } from "./dom.js";
import {
    badge, brief, bundleChip, count, countsOf, firstSteps, groupLine, grouped, icon, lasting, links, list, outside, panel, plural, rowLink,
    sentence, shares, when, worries,
} from "./parts.js";
import { answerOf, bundleName, clean, questions, reasonWords } from "./words.js";

const BUNDLES = 6;
const UPDATES = 14;
const ALIKE = 3;
const NAMES = 12;
// More than are shown: an update has a dozen.
const EVENTS = "/api/events?limit=200";

export const overview = {
    paths: () => ({ "/api/overview": 3, [EVENTS]: 3 }),

    title: (app) => {
        const value = app.data.value("/api/overview");
        if (!value) return "Fleet";
        if (!value.devices) return "No devices yet";
        const wrong = wrongs(value);
        return wrong ? `${brief(wrong)} need attention` : "All is well";
    },

    view: (app) => {
        const value = app.data.value("/api/overview");
        if (!value) return null;
        if (!value.devices) return [firstSteps(), refused(value)];
        const wrong = wrongs(value);
        return [
            h(
                "div",
                { class: "page-head" },
                h("h1", { tabindex: "-1" }, plural(value.devices, "device")),
                wrong
                    ? h("p", { class: "lede" }, icon("no"), h("span", null, `${count(wrong)} ${wrong === 1 ? "needs" : "need"} attention`))
                    : h("p", { class: "lede" }, icon("yes"), "nothing needs attention"),
            ),
            h("div", { class: "answers", key: "answers" }, Object.keys(questions).map((question) => answerCard(question, value))),
            h(
                "div",
                { class: "columns", key: "columns" },
                h("div", { class: "column" }, attention(value), latest(app, value)),
                h("div", { class: "column" }, spread(value), refused(value)),
            ),
        ];
    },

    /// What is worth saying aloud when it changes.
    spoken: (app) => {
        const value = app.data.value("/api/overview");
        if (!value?.devices) return "";
        const part = (question) =>
            `${questions[question].title}: ${countsOf(value[question]).filter(([, number]) => number).map(([name, number]) => `${number} ${name}`).join(", ")}.`;
        return Object.keys(questions).map(part).join(" ");
    },
};

/// How many devices need somebody.
function wrongs(value) {
    return Number.isFinite(value.attentionCount) ? value.attentionCount : list(value.attention).length;
}

function answerCard(question, value) {
    const counts = countsOf(value[question]);
    return h(
        "section",
        { class: "answer-card", key: question, "aria-labelledby": `answer-${question}` },
        h("h2", { id: `answer-${question}` }, questions[question].title, h("small", null, questions[question].asks)),
        h(
            "ul",
            { class: "counts" },
            counts.map(([name, number]) =>
                h(
                    "li",
                    { key: name },
                    h(
                        "a",
                        { class: `count ${name} ${number ? "" : "none"}`, href: links.devices({ [question]: name }) },
                        h("span", { class: "number" }, brief(number)),
                        h("span", { class: "count-word" }, icon(name), name),
                    ),
                ),
            ),
        ),
        shares(counts, value.devices),
    );
}

function attention(value) {
    const rows = list(value.attention);
    // Many with one trouble are one line.
    const alike = new Map();
    for (const row of rows) {
        const [worst] = worries(row);
        const key = `${worst?.question} ${worst?.answer?.reason}`;
        alike.set(key, [...(alike.get(key) ?? []), row]);
    }
    const groups = [...alike.values()].flatMap((all) => (all.length > ALIKE ? [all] : all.map((row) => [row])));
    return panel(
        "attention",
        "Needs attention",
        rows.length ? h("a", { href: links.devices({ sort: "worst" }), class: "more" }, "all devices, worst first") : null,
        rows.length
            ? h("ul", { class: "attention" }, groups.map((all) => (all.length > 1 ? manyWorries(all, rows.length < wrongs(value)) : oneWorry(all[0]))))
            : h("p", { class: "empty" }, icon("yes"), " No answer is “no”. Waiting and unknown are not failing."),
    );
}

function oneWorry(row) {
    const [worst, ...others] = worries(row);
    return worry(
        row.id,
        worst,
        [rowLink(links.device(row.id), outside(row.id))],
        others.map(({ question, answer }) => h("span", { class: "word quiet", key: question }, `${question}: ${answerOf(answer)}`)),
    );
}

function manyWorries(rows, areMore) {
    const [worst] = worries(rows[0]);
    const { question, answer } = worst;
    return worry(
        `${question} ${answer?.reason}`,
        worst,
        [rowLink(links.devices({ [question]: answer?.reason }), `${count(rows.length)}${areMore ? " or more" : ""} devices`)],
        [h("span", { class: "quiet", key: "reason" }, outside(reasonWords(answer?.reason)))],
        h("p", { class: "names" }, rows.slice(0, NAMES).map((row, index) => [index ? ", " : "", h("a", { key: row.id, href: links.device(row.id) }, outside(row.id))]), rows.length > NAMES ? ", …" : ""),
    );
}

function worry(key, worst, title, more, names = null) {
    const tone = answerOf(worst?.answer);
    return h(
        "li",
        { key },
        icon(tone),
        h(
            "div",
            { class: "attention-words" },
            h("div", { class: "attention-head" }, title,
                worst ? h("span", { class: `word ${tone}` }, `${worst.question}: ${tone}`) : null, more,
                !names && worst?.answer?.since ? h("span", { class: "since" }, lasting(worst.answer.since)) : null),
            names ?? (worst ? sentence(worst.answer?.sentence) : null),
            worst?.answer?.next ? sentence(worst.answer.next, { class: "next" }) : null,
        ),
    );
}

function latest(app, value) {
    const events = list(app.data.value(EVENTS)?.events ?? value.events);
    const newest = app.newestAtStart(events);
    return panel(
        "latest",
        "Latest events",
        h("a", { href: "#/events", class: "more" }, "all events"),
        events.length
            ? h("ol", { class: "events" }, grouped(events).slice(0, UPDATES).map((group) => groupLine(group, group.events[0].id > newest)))
            : h("p", { class: "empty" }, "Nothing has happened yet. Updates, enrolments and what operators do appear here."),
    );
}

function spread(value) {
    const endpoints = list(value.endpoints);
    return panel(
        "spread",
        "What runs where",
        h("a", { href: "#/bundles", class: "more" }, "all bundles"),
        endpoints.length
            ? endpoints.map((endpoint) => {
                const bundles = list(endpoint.bundles);
                const most = Math.max(1, endpoint.devices ?? 1);
                return h(
                    "div",
                    { class: "spread", key: endpoint.name },
                    h("h3", null, outside(endpoint.name), h("small", null, plural(endpoint.devices, "device"))),
                    h("ul", null, bundles.slice(0, BUNDLES).map((bundle) => h(
                        "li",
                        { key: bundle.digest },
                        bundleChip(bundle),
                        h("a", { class: "track", href: links.devices({ running: bundle.digest }), title: `devices that run ${clean(bundleName(bundle))}` },
                            bundle.wanted ? h("span", { key: "wanted", class: "wanted-bar", style: { width: `${(100 * bundle.wanted) / most}%` } }) : null,
                            bundle.running ? h("span", { key: "running", class: "running-bar", style: { width: `${(100 * bundle.running) / most}%` } }) : null),
                        h("span", { class: "spread-words" },
                            h("b", null, count(bundle.running)), " run",
                            bundle.wanted ? h("span", { class: "quiet" }, ` · ${count(bundle.wanted)} wanted`) : null),
                    ))),
                    bundles.length > BUNDLES ? h("p", { class: "quiet" }, `and ${plural(bundles.length - BUNDLES, "other bundle")}`) : null,
                    reasons(endpoint),
                );
            })
            : h("p", { class: "empty" }, "No endpoint has been reported. A box gets one with ", h("code", null, "edgeagent enroll --endpoint NAME=ADDRESS"), "."),
        endpoints.length
            ? h("p", { class: "key" }, h("span", { class: "running-bar sample" }), " running ", h("span", { class: "wanted-bar sample" }), " wanted")
            : null,
    );
}

/// What the endpoints of that name wait for, and why some are not what they should be.
function reasons(endpoint) {
    const all = [["no", endpoint.failing], ["waiting", endpoint.waiting]].flatMap(([tone, found]) => list(found).map((one) => ({ ...one, tone })));
    if (!all.length) return null;
    return h("p", { class: "waiting-list" }, all.map((one) =>
        h("a", { key: one.reason, href: links.devices({ converged: one.reason }) },
            badge(one.tone, [`${count(one.count)} `, outside(reasonWords(one.reason))]))));
}

function refused(value) {
    const refusals = list(value.refusals);
    if (!refusals.length) {
        return value.devices ? panel("refused", "Refused requests", h("small", null, "24 hours"), h("p", { class: "empty" }, "None.")) : null;
    }
    return panel(
        "refused",
        "Refused requests",
        h("small", null, "24 hours"),
        h("ul", { class: "refusals" }, refusals.map((refusal, index) =>
            h("li", { key: `${refusal.code} ${refusal.address} ${refusal.device} ${index}` },
                h("div", { class: "refusal-head" },
                    h("b", null, `${brief(refusal.count)} ×`), h("code", null, outside(refusal.code)),
                    h("span", { class: "since" }, "last ", when(refusal.last))),
                sentence(refusal.sentence),
                h("p", { class: "quiet" }, "from ", outside(refusal.address), refusal.device ? [", says it is ", outside(refusal.device)] : null)))),
    );
}
