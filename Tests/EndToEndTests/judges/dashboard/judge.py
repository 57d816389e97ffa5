"""Judge the operators' dashboard in Chromium: judge.py [--url ADDRESS --device ID] [--chromium PROGRAM] [NAME]...

Without an address it judges the pages over a made-up fleet, which holds what a real one seldom does: HTML in every text,
a thousand devices, none, a server that fails or is gone. A name is that of a check or of a group of them. With an
address it walks through the pages of that server as it finds it, to a device by the keyboard alone, and prints the texts
of the pages as JSON.

Prints a line per check, and ends with 1 if one failed or if there is none. Python's standard library only.
"""

import argparse
import json
import re
import sys
import time
import traceback

import mock
from browser import Browser, Failed

CHECKS = {}
AWKWARD = "#/devices/awkward%3A" + "Z" * 56
BUNDLE = mock.digest("digits@4")
ROUTES = ["#/", "#/devices", "#/devices/cam-0000", "#/bundles", f"#/bundles/{BUNDLE}", "#/events", AWKWARD, "#/devices/nobody", "#/nonsense"]
READY = "document.querySelector('main .page h1') && document.querySelector('main').getAttribute('aria-busy') === 'false'"


def group(name):
    """A decorator for checks."""
    def enter(function):
        CHECKS[function.__name__] = (name, function)
        return function
    return enter


def expect(condition, what, *shown):
    if not condition:
        raise Failed(" ".join([what, *map(repr, shown)]))


def quiet(page, *expected):
    complaints = page.complaints(expected)
    expect(not complaints, "the browser complains:", complaints)


class Setting:
    """A browser, and fleets that are made as they are asked for."""

    def __init__(self, browser):
        self.browser, self.servers = browser, []

    def fleet(self, devices=12, awkward=False):
        fleet = mock.Fleet(devices, awkward)
        server = mock.serve(fleet)
        self.servers.append(server)
        return fleet, f"http://127.0.0.1:{server.server_port}/"

    def page(self, address, ready=READY, **look):
        page = self.browser.page(**look)
        page.open(address)
        page.wait(ready)
        return page


def words(page, selector):
    return page.run(f"[...document.querySelectorAll({json.dumps(selector)})].map((e) => e.innerText.replace(/\\s+/g, ' ').trim())")


# What is shown


@group("shown")
def overview_answers_at_a_glance(setting):
    fleet, address = setting.fleet(1000)
    page = setting.page(address)
    given = fleet.overview({})
    cards = words(page, ".answer-card")
    for card, question in zip(cards, ("reachable", "converged", "healthy")):
        for name, number in given[question].items():
            expect(f"{number} {name}" in card, f"{question}: {name} is not {number}:", card)
    expect(words(page, ".attention > li")[0].startswith("kiosk-0003"), "the worst is not first", words(page, ".attention > li"))
    expect("it last reported" in words(page, ".attention > li")[0], "no sentence")
    expect("taken back" in page.text(".events"), "no event", page.text(".events"))
    expect(page.run("document.title") == "3 need attention · Fleet", "title", page.run("document.title"))
    page.click(".answer-card .count.no")
    page.wait("location.hash === '#/devices?reachable=no' && document.querySelectorAll('tbody tr').length === 2")
    quiet(page)


@group("shown")
def devices_are_found(setting):
    fleet, address = setting.fleet(1000)
    page = setting.page(address + "#/devices")
    expect(len(words(page, "tbody tr")) == 100, "not 100 rows")
    expect(page.text(".pages span") == "1–100 of 1,000", "pages", page.text(".pages"))
    page.click(".pages button:last-child")
    page.wait("document.querySelector('.pages span').innerText.startsWith('101')")
    page.press("/")
    page.write("cam-00")
    page.wait("location.hash.includes('q=cam-00') && document.querySelector('.lede').innerText.startsWith('25 of')")
    expect(page.run("document.activeElement.id") == "filter", "the filter has lost the focus")
    page.run("document.querySelector('.chip.waiting').click()")
    page.wait("location.hash.includes('converged=waiting') && document.querySelector('.chip.waiting[aria-pressed=true]')")
    page.run("document.querySelector('.clear').click()")
    page.wait("location.hash === '#/devices'")
    expect(page.run("document.querySelector('#filter').value") == "", "the filter still says", page.run("document.querySelector('#filter').value"))
    page.run("document.querySelector('th button.sort').click()")
    page.wait("document.querySelector('th[aria-sort=ascending]')?.innerText.startsWith('Device') && document.querySelector('tbody [data-row]').innerText === 'cam-0000'")
    page.open(address + "#/devices?label=site%3Dlyon")
    page.wait("document.querySelector('.lede')?.innerText.startsWith('200 of')")
    page.open(address + f"#/devices?running={mock.digest('digits@2')}")
    page.wait("document.querySelector('.chip[aria-pressed=true]')?.innerText.includes('runs')")
    page.open(address + "#/devices?label=nonsense")
    page.wait("document.querySelector('[role=alert]')?.innerText.includes('is no label')")
    quiet(page, "400")


@group("shown")
def a_device_tells_its_story(setting):
    fleet, address = setting.fleet()
    page = setting.page(address + "#/devices/cam-0000", "document.querySelector('.plot')")
    cards = words(page, ".answer-card")
    expect("no" in cards[1] and "was taken back" in cards[1] and "deploy something better" in cards[1], "no answer", cards)
    title = page.run("document.querySelector('.answer-card time').title")
    expect(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (GMT\+\d|CES?T) \(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\)", title), "time", title)
    expect("running.digest = wanted.digest" not in page.text(".answer-card:nth-child(2)"), "the rule is shown unasked")
    page.click(".answer-card:nth-child(2) summary")
    page.wait("document.querySelector('.answer-card:nth-child(2)').innerText.includes('running.digest = wanted.digest')")
    moments = words(page, ".moment")
    expect(moments[0].startswith("digits@4") and "taken back" in moments[0] and "11 steps" in moments[0], "no group", moments)
    expect("refused" in moments[1] and "the bar is 0.9" in moments[1], "no reason", moments[1])
    page.click(".log summary")
    page.wait("document.querySelector('.log pre')?.innerText.includes('MemoryError')")
    expect(words(page, ".plot-title") == ["Requests", "Error rate", "Latency", "Memory", "CPU", "Temperature", "Disk used"], "plots", words(page, ".plot-title"))
    labels = page.run("[...document.querySelectorAll('.plot')].map((e) => e.getAttribute('aria-label'))")
    expect(re.search(r"digits: \d+(\.\d+)?/s", labels[0]) and re.search(r"box: \d\d(\.\d)? %", labels[4]) and re.search(r"\d\d(\.\d)? °C", labels[5]), "numbers", labels)
    expect("digits: 0.2 %" in labels[1], "error rate", labels[1])
    page.run("document.querySelector('.plot').focus()")
    for _ in range(3):
        page.press("ArrowLeft")
    page.wait("/^\\d\\d:\\d\\d$/.test(document.querySelector('.plot-time').innerText)")
    page.run("document.querySelectorAll('.segments button')[2].click()")
    page.wait("location.hash.endsWith('?hours=24') && document.querySelector('.segments [aria-pressed=true]').innerText === '24 h'")
    quiet(page)


@group("shown")
def a_bundle_tells_who_refused_it(setting):
    fleet, address = setting.fleet()
    page = setting.page(address + "#/bundles")
    expect([w.split()[0] for w in words(page, "tbody tr")] == ["anomaly@1.7.2", "digits@1", "digits@2", "digits@3", "digits@4"], "bundles", words(page, "tbody tr"))
    page.run("[...document.querySelectorAll('tbody [data-row]')].at(-1).click()")
    page.wait(f"location.hash === '#/bundles/{BUNDLE}' && document.querySelector('h1').innerText === 'digits@4'")
    expect("cam-0000" in words(page, ".panel")[0] and "it ended by itself once" in words(page, ".panel")[0], "no refusal", words(page, ".panel"))
    page.open(address + f"#/bundles/{mock.digest('nothing')}")
    page.wait("document.querySelector('h1')?.innerText === 'No box runs or wants that bundle'")
    quiet(page, "404")


@group("shown")
def a_newcomer_is_told_what_to_do(setting):
    fleet, address = setting.fleet(0)
    page = setting.page(address, "document.querySelector('.hero')")
    expect("edgefleet token create" in page.text(".hero") and "edgeagent enroll --token" in page.text(".hero"), "no steps", page.text(".hero"))
    for route in ("devices", "bundles", "events"):
        page.open(f"{address}#/{route}")
        page.wait("document.querySelector('.hero, .empty')")
    page.open(address + "#/")
    page.wait("document.querySelector('.hero')")
    with fleet.lock:
        fleet._enrol(1)
        fleet.change()
    page.wait("document.querySelector('.answers') && document.title.endsWith('Fleet')", "the first device appears by itself")
    quiet(page)


# What comes from outside


@group("outside")
def text_stays_text(setting):
    fleet, address = setting.fleet(12, awkward=True)
    page = setting.page(address)
    tags = ("img", "b.bold", "main script", "main iframe", "[onerror]", "main b:not(.legend b, .refusal-head b, .notice b, .moment-head b, .counters b, .spread-words b, .steps-of b)")
    for route in ROUTES:
        page.open(address + route)
        page.wait(READY)
        page.run("document.querySelectorAll('details').forEach((e) => { e.open = true; })")
        time.sleep(0.4)
        for tag in tags:
            found = page.run(f"document.querySelectorAll({json.dumps(tag)}).length")
            expect(found == 0, f"{route}: {tag} was made of text:", found)
        expect("owned" != page.run("document.title"), f"{route}: a script ran")
    page.open(address + AWKWARD)
    page.wait("document.querySelector('.log')")
    page.run("document.querySelector('.log').open = true")
    page.wait("document.querySelector('.log pre')")
    shown = page.text("main")
    for part in (mock.HTML[:30], "DROP TABLE", "\\u202e", "\\x1b[31m", "\\x00"):
        expect(part in shown, "not shown:", part)
    expect(not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e]", shown), "something invisible is in the page")
    outside = page.run("JSON.stringify(performance.getEntriesByType('resource').map((e) => new URL(e.name).origin).filter((o) => o !== location.origin))")
    expect(outside == "[]", "asked others", outside)
    quiet(page, "404")


@group("outside")
def nothing_is_wider_than_the_screen(setting):
    fleet, address = setting.fleet(12, awkward=True)
    for width, phone in ((360, True), (768, False), (1024, False), (1920, False)):
        page = setting.browser.page(width=width, height=740, phone=phone)
        for route in ROUTES:
            page.open(address + route)
            page.wait(READY)
            time.sleep(0.15)
            wide = page.run("document.documentElement.scrollWidth")
            expect(wide <= width, f"{route} at {width}: {wide} wide:", page.run(
                "[...document.querySelectorAll('main *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 1).slice(0, 5).map((e) => `${e.tagName}.${e.getAttribute('class')}`)"))
            # What sticks out of its frame is cut off or covers others.
            out = page.run("""[...document.querySelectorAll('.panel, .answer-card, .endpoint, tbody tr')].flatMap((frame) => {
                const right = frame.getBoundingClientRect().right + 1;
                return [...frame.querySelectorAll('*')].filter((e) => e.getBoundingClientRect().right > right && e.getBoundingClientRect().width
                    && !e.closest('.bundle, .label, .clamp, .run, .legend, svg, .unseen, .track, pre, .log-lines, details:not([open]) > :not(summary), .rows thead'))
                    .map((e) => `${e.tagName}.${e.getAttribute('class')} in ${frame.getAttribute('class')}: ${e.innerText?.slice(0, 30)}`); }).slice(0, 4)""")
            expect(not out, f"{route} at {width}: sticks out:", out)
        page.complaints()
        page.close()


# While one looks


@group("live")
def it_updates_without_a_flicker(setting):
    fleet, address = setting.fleet()
    page = setting.page(address + "#/devices/cam-0000", "document.querySelector('.log')")
    page.click(".log summary")
    page.wait("document.querySelector('.log pre')")
    page.run("""window.kept = [...document.querySelectorAll('.moment, .endpoint, .answer-card, .log, .log pre')];
        scrollTo(0, 900); document.querySelector('.log pre').focus({preventScroll: true});
        getSelection().setBaseAndExtent(document.querySelector('.log pre').firstChild, 3, document.querySelector('.log pre').firstChild, 30); 0""")
    before = page.run("[scrollY, getSelection().toString(), document.querySelectorAll('.moment').length]")
    fleet.happen("cam-0000", "digits", "Download", "done", mock.bundle("digits", "5", 5))
    page.wait("document.querySelector('.moment').innerText.startsWith('digits@5')", "a new event appears by itself")
    for part in ("document.activeElement === document.querySelector('.log pre')", "document.querySelector('.log').open", "kept.every((e) => e.isConnected)"):
        expect(page.run(part), "not so any more:", part)
    after = page.run("[scrollY, getSelection().toString(), document.querySelectorAll('.moment').length]")
    expect(after[1] == before[1] and after[2] == before[2] + 1, "selection or list", before, after)
    # Where something came in above, the browser keeps in place what is looked at.
    expect(abs(after[0] - before[0]) < 200, "it has scrolled", before, after)

    page.open(address + "#/devices")
    page.wait("document.querySelector('tbody tr')")
    page.press("/")
    page.write("cam")
    page.wait("location.hash.includes('q=cam') && document.querySelectorAll('tbody tr').length === 3")
    with fleet.lock:
        fleet.devices["cam-0004"]["endpoints"][0]["converged"] = fleet.answer("converged", "waiting", "waitingFor(disk)", "the disk is full", 1)
        fleet._settle(fleet.devices["cam-0004"])
        fleet.change()
    page.wait("document.querySelector('tbody').innerText.includes('waiting')")
    expect(page.run("document.activeElement.id + document.activeElement.value") == "filtercam", "the filter has lost focus or text")
    asked = len(fleet.requests)
    time.sleep(4)
    expect(all(tag for _, tag in fleet.requests[asked:]), "asked without the tag", fleet.requests[asked:])
    quiet(page)


@group("live")
def what_changes_is_said(setting):
    fleet, address = setting.fleet()
    page = setting.page(address)
    expect(page.text("#live") == "", "said at once", page.text("#live"))
    with fleet.lock:
        for endpoint in fleet.devices["cam-0008"]["endpoints"]:
            endpoint["healthy"] = fleet.answer("healthy", "no", "notServing", "nothing serves", 1)
        fleet._settle(fleet.devices["gate-0009"])
        fleet.devices["gate-0009"]["healthy"] = fleet.answer("healthy", "no", "notServing", "nothing serves", 1)
        fleet.change()
    page.wait("document.querySelector('#live').textContent.includes('Healthy: 7 yes, 2 no')", "the change is said")
    quiet(page)


@group("live")
def a_server_that_fails_or_is_gone(setting):
    for fault, word in (("error", "the database can't be read"), ("offline", "The server does not answer")):
        fleet, address = setting.fleet()
        page = setting.page(address)
        fleet.fault = fault
        page.wait("document.querySelector('.notice.no')?.innerText.includes('Not connected since')")
        expect(word in page.text(".notice.no"), "no reason", page.text(".notice.no"))
        expect(len(words(page, ".answer-card")) == 3, "what was known has gone")
        expect("Not connected" in page.run("document.title") and "not connected" in page.text(".connection"), "not told everywhere")
        page.run("location.hash = '#/bundles'")
        page.wait("!document.querySelector('.answers')")
        fleet.fault = None
        page.wait("!document.querySelector('.notice.no') && document.querySelector('tbody tr')", "it comes back by itself")
        expect(page.text(".connection") == "live", "not live", page.text(".connection"))
        expect(page.text("#live") == "Connected", "not said", page.text("#live"))
        page.complaints()
        page.close()


@group("live")
def a_hidden_page_asks_nothing(setting):
    fleet, address = setting.fleet()
    page = setting.page(address)
    page.run("Object.defineProperty(document, 'hidden', {get: () => window.away === true, configurable: true}); window.away = true; document.dispatchEvent(new Event('visibilitychange')); 0")
    time.sleep(0.5)
    asked = len(fleet.requests)
    time.sleep(4)
    expect(len(fleet.requests) == asked, "it goes on asking", fleet.requests[asked:])
    expect(page.text(".connection") == "paused", "not told", page.text(".connection"))
    page.run("window.away = false; document.dispatchEvent(new Event('visibilitychange')); 0")
    page.wait("document.querySelector('.connection').innerText === 'live'")
    time.sleep(0.3)
    expect(len(fleet.requests) > asked, "it does not begin again")
    quiet(page)


# Who does not use a mouse, or does not see


@group("people")
def the_keyboard_is_enough(setting):
    fleet, address = setting.fleet()
    page = setting.page(address)
    page.press("Tab")
    expect(page.run("document.activeElement.className") == "skip", "the first stop is not the skip link")
    page.press("Enter")
    expect(page.run("document.activeElement.id") == "main" and page.run("location.hash") in ("", "#/"), "the skip link skips nothing")
    page.press("j")
    expect(page.run("document.activeElement.innerText") == "kiosk-0003", "j", page.run("document.activeElement.innerText"))
    expect(page.run("getComputedStyle(document.activeElement).outlineStyle") == "solid", "the focus can't be seen")
    page.press("g"), page.press("d")
    page.wait("location.hash === '#/devices' && document.querySelectorAll('tbody tr').length === 12")
    expect(page.run("document.activeElement.tagName") == "H1", "a new page does not begin at its head", page.run("document.activeElement.outerHTML.slice(0, 80)"))
    page.press("/")
    page.press("ArrowDown"), page.press("j"), page.press("ArrowDown"), page.press("k")
    there = page.run("document.activeElement.innerText")
    expect(there == page.run("document.querySelectorAll('tbody [data-row]')[1].innerText"), "row", there)
    page.press("Enter")
    page.wait(f"location.hash === '#/devices/{there}' && document.querySelector('h1')?.innerText === '{there}'")
    page.press("Escape")
    page.wait(f"location.hash === '#/devices' && document.activeElement.innerText === '{there}'", "Esc goes back to the row")
    page.press("?")
    page.wait("document.querySelector('dialog').open")
    expect("to the filter" in page.text("dialog"), "no keys", page.text("dialog"))
    page.press("Escape")
    page.wait("!document.querySelector('dialog').open && location.hash === '#/devices'")
    page.press("g"), page.press("e")
    page.wait("location.hash === '#/events' && document.querySelector('.event')")
    quiet(page)


@group("people")
def names_and_roles_are_told(setting):
    fleet, address = setting.fleet(12, awkward=True)
    page = setting.page(address)
    for route in ROUTES:
        page.open(address + route)
        page.wait(READY)
        nameless = page.run("""[...document.querySelectorAll('a, button, input, select, summary, [role=img], table, nav, section, dialog')]
            .filter((e) => e.checkVisibility() || e.matches('table')).filter((e) => !(e.innerText?.trim() || e.getAttribute('aria-label')
                || document.getElementById(e.getAttribute('aria-labelledby'))?.innerText || e.labels?.[0]?.textContent.trim() || e.closest('[aria-hidden]') || e.matches('.track')))
            .map((e) => e.outerHTML.slice(0, 100))""")
        expect(not nameless, f"{route}: without a name:", nameless)
        expect(page.run("document.querySelectorAll('h1').length") == 1, f"{route}: not one h1")
        twice = page.run("(() => { const ids = [...document.querySelectorAll('[id]')].map((e) => e.id); return ids.filter((id, at) => ids.indexOf(id) !== at); })()")
        expect(not twice, f"{route}: ids that come twice:", twice)
        expect(page.run("[...document.querySelectorAll('thead th')].every((e) => e.scope === 'col') && [...document.querySelectorAll('tbody th')].every((e) => e.scope === 'row')"), f"{route}: a header without scope")
        expect(page.run("!!document.querySelector('header nav[aria-label]') && !!document.querySelector('main') && !!document.querySelector('footer') && document.documentElement.lang === 'en'"), "landmarks")
        bare = page.run("[...document.querySelectorAll('.badge, .chip.yes, .chip.no, .count-word')].filter((e) => !e.querySelector('svg') || !e.innerText.trim()).length")
        expect(bare == 0, f"{route}: an answer by colour alone")


CONTRAST = """(() => {
    const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
    const rgba = (colour, under) => {
        canvas.fillStyle = `rgb(${under.join(' ')})`; canvas.fillRect(0, 0, 1, 1);
        canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const light = (colour) => colour.map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
    const ground = (element) => {
        const chain = [];
        for (let at = element; at; at = at.parentElement) chain.unshift(getComputedStyle(at).backgroundColor);
        return chain.reduce((under, colour) => rgba(colour, under), [255, 255, 255]);
    };
    const found = new Map();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || !element.checkVisibility() || element.closest('.unseen, .skip, :disabled, noscript, title')) continue;
        const under = ground(element), over = rgba(getComputedStyle(element).color, under);
        const [high, low] = [light(under), light(over)].sort((a, b) => b - a);
        const ratio = (high + 0.05) / (low + 0.05);
        if (ratio < 4.5) found.set(`${element.tagName}.${element.className} ${ratio.toFixed(2)}`, walker.currentNode.data.slice(0, 30));
    }
    return [...found].map((each) => each.join(': '));
})()"""


@group("people")
def contrast_is_enough(setting):
    fleet, address = setting.fleet(12, awkward=True)
    for dark in (False, True):
        page = setting.page(address, dark=dark)
        for route in ROUTES:
            page.open(address + route)
            page.wait(READY)
            page.run("document.querySelectorAll('details').forEach((e) => { e.open = true; })")
            found = page.run(CONTRAST)
            expect(not found, f"{route}, {'dark' if dark else 'light'}: below 4.5:", found[:5])
        page.close()


@group("people")
def reduced_motion_is_respected(setting):
    fleet, address = setting.fleet()
    page = setting.page(address, reduced=True)
    fleet.happen("cam-0000", "digits", "Download", "done", mock.bundle("digits", "5", 5))
    page.wait("document.querySelector('.event.fresh')")
    expect(page.run("document.getAnimations().length") == 0, "something moves")
    quiet(page)


# A server that is really there


def walk(browser, address, device):
    """Every page of a real server, with nothing to complain of; by the keyboard to a device."""
    page = browser.page()
    page.open(address)
    page.wait("document.querySelector('.answers')")
    headers = page.run("fetch('/').then((r) => [r.headers.get('Content-Security-Policy'), r.headers.get('X-Content-Type-Options')])")
    expect("default-src 'none'" in (headers[0] or "") and "unsafe" not in headers[0] and headers[1] == "nosniff", "headers", headers)
    page.press("g"), page.press("d")
    page.wait("document.querySelector('tbody tr')")
    page.press("/")
    page.write(device)
    page.wait("document.querySelectorAll('tbody tr').length === 1")
    page.press("ArrowDown"), page.press("Enter")
    page.wait(f"document.querySelector('h1')?.innerText === {json.dumps(device)} && document.querySelectorAll('.answer-card').length === 3")
    page.wait("document.querySelector('.timeline')")
    expect(not page.run("!!document.querySelector('.hero')"), "the page can't be shown", page.text("main"))
    seen = {"device": page.text("main")}
    for name in ("bundles", "events", "devices", ""):
        page.open(f"{address}#/{name}")
        page.wait(f"document.querySelector('main').dataset.page === '{name or 'overview'}' && {READY}")
        seen[name or "overview"] = page.text("main")
    page.open(f"{address}#/bundles")
    page.wait("document.querySelector('main').dataset.page === 'bundles'")
    if page.run("!!document.querySelector('tbody [data-row]')"):
        page.run("document.querySelector('tbody [data-row]').click()")
        page.wait("document.querySelector('.whole-digest')")
        seen["bundle"] = page.text("main")
    phone = browser.page(width=360, height=740, phone=True)
    for route in ("#/", "#/devices", f"#/devices/{device}", "#/bundles", "#/events"):
        phone.open(address + route)
        phone.wait(READY)
        expect(phone.run("document.documentElement.scrollWidth") <= 360, f"{route} is wider than a phone")
    quiet(phone)
    quiet(page)
    return seen


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--chromium", default="chromium")
    parser.add_argument("--url")
    parser.add_argument("--device")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    failed = 0
    with Browser(arguments.chromium) as browser:
        if arguments.url:
            print(json.dumps(walk(browser, arguments.url.rstrip("/") + "/", arguments.device)))
            return 0
        chosen = [name for name, (kind, _) in CHECKS.items() if not arguments.names or {name, kind} & set(arguments.names)]
        if unknown := set(arguments.names) - set(CHECKS) - {kind for kind, _ in CHECKS.values()}:
            parser.error(f"there is no check {', '.join(sorted(unknown))}")
        for name in chosen:
            setting = Setting(browser)
            start = time.monotonic()
            try:
                CHECKS[name][1](setting)
                print(f"good    {name} ({time.monotonic() - start:.1f} s)", flush=True)
            except Exception as error:
                failed += 1
                print(f"FAILED  {name}: {error}", flush=True)
                if not isinstance(error, Failed):
                    traceback.print_exc(file=sys.stdout)
            for server in setting.servers:
                server.shutdown()
                server.server_close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
