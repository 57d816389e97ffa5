// Numbers, times and texts from outside, for people.

/// Milliseconds by which the server's clock is ahead of the browser's.
let ahead = 0;

export function learnTime(date) {
    const time = Date.parse(date ?? "");
    // The header has whole seconds: a smaller difference says nothing.
    if (Number.isFinite(time)) ahead = Math.abs(time - Date.now()) > 2000 ? time - Date.now() : 0;
}

export const now = () => Date.now() + ahead;

/// A text as it can be shown: what would be invisible or turn others' words around becomes visible.
export function clean(text, keepLines = false) {
    return String(text ?? "")
        .replace(/[\u0000-\u001f\u007f]/g, (c) => {
            if (c === "\n" || c === "\t" || c === "\r") return keepLines ? (c === "\r" ? "" : c) : " ";
            return `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`;
        })
        .replace(/[\u0080-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, (c) => {
            return `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`;
        });
}

const numbers = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export function count(value) {
    return Number.isFinite(value) ? numbers.format(value) : "–";
}

export function brief(value) {
    return Number.isFinite(value) ? (Math.abs(value) < 10_000 ? numbers.format(value) : short.format(value)) : "–";
}

export const plural = (number, one, many) => `${count(number)} ${number === 1 ? one : many ?? `${one}s`}`;

/// To three figures, such as 0.0123, 1.23, 123.
export function figure(value) {
    if (!Number.isFinite(value)) return "–";
    if (value === 0) return "0";
    const size = Math.abs(value);
    if (size >= 10_000) return short.format(value);
    return numbers.format(Number(value.toPrecision(size >= 100 ? Math.ceil(Math.log10(size + 1)) : 3)));
}

export function bytes(value) {
    if (!Number.isFinite(value)) return "–";
    const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let at = 0;
    while (Math.abs(value) >= 1024 && at < units.length - 1) (value /= 1024), at++;
    return `${figure(value)} ${units[at]}`;
}

export function seconds(value) {
    if (!Number.isFinite(value)) return "–";
    if (value < 0.001) return `${figure(value * 1e6)} µs`;
    if (value < 1) return `${figure(value * 1e3)} ms`;
    return `${figure(value)} s`;
}

/// A length of time in its one or two greatest units.
export function duration(value) {
    const whole = Math.max(0, Math.round(value));
    if (!Number.isFinite(whole)) return "–";
    if (whole < 60) return `${whole} s`;
    if (whole < 3600) return `${Math.floor(whole / 60)} min`;
    if (whole < 86_400) {
        const minutes = Math.floor((whole % 3600) / 60);
        return whole < 6 * 3600 && minutes ? `${Math.floor(whole / 3600)} h ${minutes} min` : `${Math.floor(whole / 3600)} h`;
    }
    if (whole < 86_400 * 1000) return `${Math.floor(whole / 86_400)} d`;
    return `${figure(whole / (365.25 * 86_400))} years`;
}

export function ago(time) {
    const past = (now() - time) / 1000;
    if (past < -5) return `in ${duration(-past)}`;
    return past < 2 ? "just now" : `${duration(past)} ago`;
}

const two = (number) => String(number).padStart(2, "0");

export function day(time) {
    const date = new Date(time);
    return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

export function clockTime(time, withSeconds = true) {
    const date = new Date(time);
    return `${two(date.getHours())}:${two(date.getMinutes())}${withSeconds ? `:${two(date.getSeconds())}` : ""}`;
}

const zone = new Intl.DateTimeFormat("en", { timeZoneName: "short" });

/// In the browser's zone, and in UTC.
export function absolute(time) {
    const name = zone.formatToParts(time).find((part) => part.type === "timeZoneName")?.value ?? "";
    const utc = new Date(time).toISOString().replace(/\.\d+Z$/, "Z");
    return `${day(time)} ${clockTime(time)} ${name} (${utc})`;
}

export const questions = {
    reachable: { title: "Reachable", asks: "Does it report in time?" },
    converged: { title: "Converged", asks: "Does it run what is wanted?" },
    healthy: { title: "Healthy", asks: "Does what runs serve well?" },
};

export const answers = ["yes", "no", "waiting", "unknown"];

export const answerOf = (value) => (answers.includes(value?.answer) ? value.answer : "unknown");

/// How a result of an update is to be seen, and what it means in a word.
export function outcome(result, state) {
    const plain = {
        successful: ["yes", "took over"],
        alreadyInstalled: ["yes", "already there"],
        noDeployment: ["unknown", "nothing wanted"],
        ambiguous: ["no", "ambiguous"],
        rejected: ["no", "refused"],
        failedNoStateChange: ["no", "dropped"],
        failedRollbackComplete: ["no", "taken back"],
        failedUnableToRollBack: ["no", "could not go back"],
        timedOut: ["no", "timed out"],
        superseded: ["unknown", "superseded"],
    };
    if (!result) return state === "Idle" || !state ? ["unknown", "ended"] : ["waiting", "under way"];
    if (Object.hasOwn(plain, result)) return plain[result];
    const waits = /^waitingFor\((\w+)\)$/.exec(result);
    if (waits) return ["waiting", `waits for ${waits[1]}`];
    if (result.startsWith("incompatible")) return ["no", "incompatible"];
    return ["unknown", result];
}

/// A reason's code as words: `rolledBack` is "rolled back", `waitingFor(wave)` is "waiting for wave".
export function reasonWords(code) {
    return String(code ?? "").replace(/\((\w+)\)$/, " $1").replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

export const bundleName = (bundle) => {
    if (!bundle) return "nothing";
    return bundle.name ? `${bundle.name}@${bundle.version ?? "?"}` : String(bundle.digest ?? "").slice(0, 12) || "unnamed";
};
