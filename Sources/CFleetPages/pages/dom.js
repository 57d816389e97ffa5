// Elements as values, and how the document is brought to them with the fewest changes. What stays the same is not
// touched, so that focus, selection, scroll positions and open disclosures outlive every update. Text only ever becomes
// text: nothing here reads HTML.

const SVG = "http://www.w3.org/2000/svg";
const KEY = Symbol("key");
const PROPS = Symbol("props");

/// An element. Props: `key` tells siblings apart; `onNAME` listens; `style` sets CSS properties; `initially` sets
/// attributes once, for what the reader changes, such as `open`; others are attributes.
export function h(tag, props, ...children) {
    return { tag, props: props ?? {}, children: flat(children, []) };
}

function flat(children, into) {
    for (const child of children) {
        if (Array.isArray(child)) flat(child, into);
        else if (child !== null && child !== undefined && child !== false && child !== "") {
            into.push(typeof child === "object" ? child : String(child));
        }
    }
    return into;
}

/// Makes `parent` hold exactly these children.
export function render(parent, ...children) {
    const focused = document.activeElement;
    reconcile(parent, flat(children, []), null);
    // An element that had to move has lost its focus.
    if (focused && focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
}

function reconcile(parent, wanted, namespace) {
    const keyed = new Map();
    for (const node of parent.childNodes) {
        if (node[KEY] !== undefined) keyed.set(node[KEY], node);
    }
    const keys = new Set(wanted.map((want) => want.props?.key));
    let next = parent.firstChild;
    for (const want of wanted) {
        // What goes away goes first, so that what stays need not move.
        while (next && next[KEY] !== undefined && !keys.has(next[KEY])) next = removed(next);
        const found = reusable(want, next, keyed);
        const node = found ?? create(want, namespace);
        if (found) update(found, want);
        if (node === next) next = next.nextSibling;
        else parent.insertBefore(node, next);
    }
    while (next) next = removed(next);
}

function removed(node) {
    const next = node.nextSibling;
    node.remove();
    return next;
}

function reusable(want, next, keyed) {
    if (typeof want === "string") return next?.nodeType === Node.TEXT_NODE ? next : null;
    const key = want.props.key;
    if (key === undefined) return next && next[KEY] === undefined && next.localName === want.tag ? next : null;
    const node = keyed.get(key);
    keyed.delete(key); // a key that comes twice makes a second element
    return node?.localName === want.tag ? node : null;
}

function create(want, namespace) {
    if (typeof want === "string") return document.createTextNode(want);
    const own = want.tag === "svg" ? SVG : namespace;
    const node = own ? document.createElementNS(own, want.tag) : document.createElement(want.tag);
    if (want.props.key !== undefined) node[KEY] = want.props.key;
    node[PROPS] = {};
    for (const [name, value] of Object.entries(want.props.initially ?? {})) set(node, name, value);
    update(node, want);
    return node;
}

function update(node, want) {
    if (typeof want === "string") {
        if (node.data !== want) node.data = want;
        return;
    }
    const before = node[PROPS] ?? {};
    const props = want.props;
    for (const name of Object.keys(before)) {
        if (!(name in props)) set(node, name, null);
    }
    // Children first: a select takes its value only when the option is there.
    reconcile(node, want.children, node.namespaceURI === SVG ? SVG : null);
    for (const [name, value] of Object.entries(props)) {
        if (before[name] !== value || name === "value") set(node, name, value);
    }
    node[PROPS] = props;
}

function set(node, name, value) {
    if (name === "key" || name === "initially") return;
    if (name.startsWith("on")) node[name.toLowerCase()] = value;
    else if (name === "style") {
        // By property: the Content-Security-Policy forbids the attribute.
        for (const [property, text] of Object.entries(value ?? {})) node.style.setProperty(property, text);
    } else if (name === "value") {
        if (node.value !== (value ?? "")) node.value = value ?? "";
    } else if (value === null || value === undefined || value === false) node.removeAttribute(name);
    else if (node.getAttribute(name) !== (value === true ? "" : String(value))) {
        node.setAttribute(name, value === true ? "" : String(value));
    }
}
