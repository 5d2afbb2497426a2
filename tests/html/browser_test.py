"""The doctor's page in headless Chromium: desktop, phone, zoom, dark, print, in both languages.

CLEAVE_SCREENSHOTS=DIRECTORY keeps the pictures."""
import os
import pathlib
import sys
import tempfile
import unittest

import browser
import machines

NAMES = ("comet-lake-plain", "comet-lake-one-v5-4-used", "nvidia-only", "mtty-mdpy-mbochs")
# Width in CSS pixels; a desktop of 1280 at 200 % is 640 wide.
VIEWS = {
    "desktop": {"width": 1280, "height": 900},
    "desktop-dark": {"width": 1280, "height": 900, "dark": True},
    "zoom": {"width": 640, "height": 450},
    "phone": {"width": 360, "height": 740},
    "phone-dark": {"width": 360, "height": 740, "dark": True},
    "print": {"width": 718, "height": 1000, "dark": True, "medium": "print"},  # A4 less margins
}
CHECKS = (pathlib.Path(__file__).resolve().parent / "checks.js").read_text(encoding="utf-8")


class Pages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.holder.cleanup)
        cls.directory = pathlib.Path(cls.holder.name)
        cls.browser = browser.Browser(browser.find())
        cls.addClassCleanup(cls.browser.__exit__)
        cls.pages = []
        sources = [machines.MACHINES / f"{name}.machine" for name in NAMES]
        for machine in sources + [machines.crowded(cls.directory)]:
            for language in machines.LANGUAGES:
                page = cls.directory / f"{machine.stem}.{language}.html"
                machines.write_page(machine, language, page)
                cls.pages.append(page)

    def keep(self, name):
        if os.environ.get("CLEAVE_SCREENSHOTS"):
            directory = pathlib.Path(os.environ["CLEAVE_SCREENSHOTS"])
            directory.mkdir(parents=True, exist_ok=True)
            self.browser.screenshot(directory / f"{name}.png")

    def test_everyone_can_read_every_page_everywhere(self):
        for page in self.pages:
            for view, settings in VIEWS.items():
                with self.subTest(page=page.stem, view=view):
                    self.browser.open(page, **settings)
                    self.assertEqual(self.browser.run(CHECKS), [])
                    self.assertEqual(self.browser.complaints(), [])
                    self.assertEqual(self.browser.requests(), [page.as_uri()])
                    self.keep(f"{page.stem}.{view}")

    def test_the_checks_find_what_is_wrong(self):
        page = self.directory / "wrong.html"
        page.write_text("""<!DOCTYPE html><html lang="en"><title>x</title><body><h1>a</h1><h3>b</h3>
            <p style="color: #999; background: #fff">pale</p><svg width="9" height="9"></svg>
            <div style="width: 500px">wide</div><section>nameless</section>
            <svg viewBox="0 0 100 20" width="50" aria-hidden="true"><rect width="9" height="20"/>
            <text x="0" y="15" fill="#fff">longer than its frame</text></svg>""", encoding="utf-8")
        self.browser.open(page, **VIEWS["phone"])
        problems = "\n".join(self.browser.run(CHECKS))
        for wanted in ("beyond the edge", "without a name", "level 3 after 1", "contrast 2.8",
                       "a region without a name", "not exactly one main", "letters of 8.0 pixels"):
            self.assertIn(wanted, problems)

    def test_all_details_can_be_read_when_open(self):
        for page in self.pages:
            for view in ("desktop", "phone-dark"):
                with self.subTest(page=page.stem, view=view):
                    self.browser.open(page, **VIEWS[view])
                    self.browser.run("document.querySelectorAll('details')"
                                     ".forEach((details) => details.open = true)")
                    self.assertEqual(self.browser.run(CHECKS), [])

    def test_the_dark_is_dark_and_paper_is_white(self):
        page = self.pages[0]
        colour = "getComputedStyle(document.body).backgroundColor"
        for view, wanted in (("desktop", "rgb(245, 246, 248)"), ("desktop-dark", "rgb(19, 22, 27)"),
                             ("print", "rgb(255, 255, 255)")):
            self.browser.open(page, **VIEWS[view])
            self.assertEqual(self.browser.run(colour), wanted, view)

    def test_print_shows_what_is_folded_on_the_screen(self):
        for page in self.pages:
            self.browser.open(page, **VIEWS["print"])
            hidden = self.browser.run(
                "[...document.querySelectorAll('.finding-body')]"
                ".filter((body) => body.getBoundingClientRect().height < 10).length")
            self.assertEqual(hidden, 0, page.stem)

    def test_the_keyboard_reaches_everything_in_order_and_shows_where_it_is(self):
        self.browser.open(self.pages[0], **VIEWS["desktop"])
        wanted = self.browser.run("document.querySelectorAll("
                                  "'a[href], summary, [tabindex=\"0\"]').length")
        # The table of groups is inside a closed <details>: out of reach until that is open.
        wanted -= self.browser.run("document.querySelectorAll("
                                   "'details:not([open]) [tabindex=\"0\"]').length")
        tops = []
        for _ in range(wanted):
            self.browser.press_tab()
            place = self.browser.run("""(() => {
                const at = document.activeElement;
                return {tag: at.tagName, outline: parseFloat(getComputedStyle(at).outlineWidth),
                        text: at.textContent, top: at.getBoundingClientRect().top + scrollY};
            })()""")
            self.assertNotEqual(place["tag"], "BODY")
            self.assertGreaterEqual(place["outline"], 2, place["text"])
            tops.append(place["top"])
        # The skip link first; below the table of contents the page goes down, card by card.
        self.assertEqual(len(tops), wanted)
        self.assertLess(tops[0], tops[1] + 100)
        links = self.browser.run("document.querySelectorAll('nav a').length") + 1
        self.assertLess(max(tops[:links]), min(tops[links:]))


if __name__ == "__main__":
    if browser.find() is None:
        print("skipped: no chromium")
        sys.exit(0)
    unittest.main()
