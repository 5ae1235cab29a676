"""The dashboard in a browser, used as people use it: by what is written on it."""
import json
import re
from types import SimpleNamespace

from .gate import KEYS
from .wait import until

# Text as it is seen: without what is hidden.
TEXT = "document.querySelector({}).innerText"
FIND = """[...document.querySelectorAll({where} + ' :is(button, a, label, summary, option)')]
    .find((e) => e.checkVisibility() && (e.innerText.trim() === {text} || e.getAttribute('aria-label') === {text}))"""


def js(value):
    return json.dumps(value)


class Dashboard:
    def __init__(self, page, gate):
        self.page, self.gate = page, gate
        self.run = page.run

    # -- looking

    def text(self, selector="body"):
        return self.run(f"document.querySelector({js(selector)})?.innerText ?? ''")

    def count(self, selector):
        return self.run(f"document.querySelectorAll({js(selector)}).length")

    def sees(self, *texts, where="body"):
        """Waits until all of these are there to be read."""
        last = {}

        def is_there():
            last["text"] = self.text(where)
            return all(text in last["text"] for text in texts)

        try:
            until(is_there)
        except AssertionError:
            raise AssertionError(f"{texts} not in {where}: {last['text'][:1500]}") from None

    def sees_not(self, text, where="body"):
        until(lambda: text not in self.text(where), f"{text} gone from {where}")

    def rows(self, where="main"):
        """Of a table: the texts of its cells, by the names of the columns."""
        return self.run(f"""[...document.querySelectorAll({js(where + " tbody tr")})].map((tr) => Object.fromEntries(
            [...tr.cells].map((td) => [td.className.match(/c-(\\S+)/)[1], td.innerText.trim()])))""")

    def row(self, where="main", **cells):
        """The first row whose cells hold these texts, once it is there."""
        def find():
            return next((r for r in self.rows(where) if all(text in r.get(name, "") for name, text in cells.items())), None)

        return until(find, f"a row with {cells} in {where}")

    def figure(self, tile):
        """A number of the overview, as it is written: a dash before it is known."""
        return self.text(f"[data-tile={tile}] .number")

    def number(self, tile):
        """The same to count with: nan, which no comparison holds for, before it is known."""
        return float(re.sub(r"[^\d.]", "", self.figure(tile)) or "nan")

    def check(self, name):
        """What is said of one check of the gate: head, as it is read; kind; and inputs by their names."""
        found = until(lambda: self.run(f"""[...document.querySelectorAll({js(f"[data-check={name}]")})].slice(-1).map((li) => ({{
            head: li.querySelector('.check-head').innerText, kind: li.className.replace('check ', ''),
            inputs: Object.fromEntries([...li.querySelectorAll('dt')].map((dt) => [dt.innerText, dt.nextSibling.innerText])),
            }}))[0]"""), f"the check {name}")
        return SimpleNamespace(**found | {"head": " ".join(found["head"].split())})

    # -- doing

    def click(self, text, where="body"):
        found = FIND.format(where=js(where), text=js(text))
        until(lambda: self.run(f"Boolean({found})"), f"{text} to click on in {where}")
        self.run(f"{found}.click()")

    def fill(self, **fields):
        """Fields of the dialog or page by their names."""
        for name, value in fields.items():
            self.run(f"""(() => {{
                const e = [...document.querySelectorAll('[name={name}]')].findLast((e) => e.checkVisibility());
                e.value = {js(value)}; e.dispatchEvent(new Event('input', {{bubbles: true}})); }})()""")

    def filter(self, text, where="main"):
        self.run(f"""(() => {{ const e = document.querySelector({js(where + " .filter")});
            e.value = {js(text)}; e.dispatchEvent(new Event('input', {{bubbles: true}})); }})()""")

    def act_on(self, text, where="main", **cells):
        """Clicks a button of a row."""
        self.row(where, **cells)
        at = next(i for i, r in enumerate(self.rows(where)) if all(v in r.get(k, "") for k, v in cells.items()))
        self.run(f"""[...document.querySelectorAll({js(where + " tbody tr")})][{at}].querySelector('button').click()""")
        return text

    def go(self, view, **params):
        query = "&".join(f"{k}={v}" for k, v in params.items())
        self.run(f"location.hash = '#/{view}{'?' + query if query else ''}'")
        until(lambda: self.run(f"document.querySelector('main')?.dataset.view === {js(view)}"), f"the view {view}")

    def log_in(self, key="operator"):
        self.sees("API key", where="dialog.login")
        self.fill(key=KEYS.get(key, key))
        self.click("Sign in", where="dialog.login")
        return self

    def is_live(self):
        until(lambda: self.run("document.querySelector('.live')?.dataset.state === 'live'"), "the feed is live")
        return self

    def is_well(self):
        complaints = self.page.complaints()
        assert complaints == [], complaints

    def fits(self):
        """Nothing sticks out sideways."""
        out = self.run("""[...document.querySelectorAll('body *')]
            .filter((e) => e.checkVisibility() && !e.closest('.unseen, svg, .chart-canvas, .skip')
                && e.getBoundingClientRect().right > innerWidth + 1)
            .map((e) => `${e.tagName}.${e.className}: ${e.innerText.slice(0, 40)}`)""")
        assert out == [] and self.run("document.documentElement.scrollWidth <= innerWidth"), out
