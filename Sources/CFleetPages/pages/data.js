// What the server says, asked again and again while somebody looks. What was said last stays when it falls silent.

import { learnTime } from "./words.js";

const EVERY = 3000; // milliseconds between two questions
const GIVE_UP = 10_000;
const KEPT = 40; // answers kept for going back to a page

export class Data {
    /// path -> { value, tag, at, missing, problem }, the one asked for last at the end
    #answers = new Map();
    #wanted = new Map(); // path -> milliseconds between two questions
    #asked = new Map(); // path -> when
    #asking = new Set();
    #timer = 0;

    /// Since when nothing was heard, and why; null while all is well.
    trouble = null;
    /// When the server last answered.
    heard = 0;

    constructor(changed) {
        this.changed = changed;
        document.addEventListener("visibilitychange", () => this.#tick());
        addEventListener("online", () => this.#tick(true));
    }

    get isPaused() {
        return document.hidden;
    }

    /// From now on just these are asked for: path -> how often, in seconds, at most.
    want(paths) {
        this.#wanted = new Map(Object.entries(paths).map(([path, every]) => [path, every * 1000]));
        this.#tick();
    }

    value(path) {
        return this.#answers.get(path)?.value ?? null;
    }

    /// What is wrong with the question, in words; null where nothing is.
    problem(path) {
        return this.#answers.get(path)?.problem ?? null;
    }

    isMissing(path) {
        return this.#answers.get(path)?.missing ?? false;
    }

    /// What never changes, asked for once.
    async once(path) {
        if (this.value(path) === null) await this.#ask(path);
        return this.value(path);
    }

    #tick(now = false) {
        clearTimeout(this.#timer);
        if (document.hidden) return this.changed();
        for (const [path, every] of this.#wanted) {
            // Half a question's time early is early enough: timers are not exact.
            if (now || Date.now() - (this.#asked.get(path) ?? 0) >= every - 500) this.#ask(path);
        }
        this.#timer = setTimeout(() => this.#tick(), EVERY);
    }

    async #ask(path) {
        if (this.#asking.has(path)) return;
        this.#asking.add(path);
        this.#asked.set(path, Date.now());
        const known = this.#answers.get(path);
        try {
            const reply = await fetch(path, {
                headers: known?.tag ? { "If-None-Match": known.tag } : {},
                cache: "no-store",
                signal: AbortSignal.timeout(GIVE_UP),
            });
            learnTime(reply.headers.get("Date"));
            if (reply.status === 304 && known) this.#keep(path, known);
            else if (reply.ok) {
                this.#keep(path, { value: await reply.json(), tag: reply.headers.get("ETag"), missing: false });
            } else if (reply.status === 404) this.#keep(path, { value: known?.value ?? null, tag: null, missing: true });
            // It has understood, and there is something about the question that it can't answer.
            else if (reply.status === 400) this.#keep(path, { value: null, tag: null, problem: await refusal(reply) });
            else throw new Error(await refusal(reply));
            this.trouble = null;
            this.heard = Date.now();
        } catch (error) {
            this.trouble ??= { since: this.heard || Date.now() };
            this.trouble.why = explain(error);
        } finally {
            this.#asking.delete(path);
            this.changed();
        }
    }

    #keep(path, answer) {
        this.#answers.delete(path);
        this.#answers.set(path, answer);
        for (const old of this.#answers.keys()) {
            if (this.#answers.size <= KEPT) break;
            if (!this.#wanted.has(old)) this.#answers.delete(old);
        }
    }
}

async function refusal(reply) {
    const problem = await reply.json().catch(() => null);
    const says = [problem?.error?.message, problem?.error?.hint].filter(Boolean).join("; ");
    return reply.status === 400 && says ? says : `the server answers ${reply.status}: ${says || reply.statusText}`;
}

function explain(error) {
    if (error.name === "TimeoutError") return `the server did not answer within ${GIVE_UP / 1000} s`;
    if (error.name === "SyntaxError") return "the server answered what is no JSON";
    return error instanceof TypeError ? "the server does not answer" : error.message;
}
