"""The page in a real browser: opened, searched, filtered, walked by keyboard, in light and dark.

    page_test.py TORCH2NNEF SOURCE_FOLDER
"""
import html.parser
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

TORCH2NNEF = pathlib.Path(sys.argv[1]).resolve()
SOURCE = pathlib.Path(sys.argv[2]).resolve()
MODELS, FILES = SOURCE / "tests/models", SOURCE / "tests/golden/files"
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

WATCH = "<script>window.troubles = []; window.onerror = (text) => { troubles.push(String(text)); };" \
        "document.addEventListener('securitypolicyviolation', (event) => troubles.push(event.blockedURI));</script>"
DRIVER = """<script>
(() => {
  const $ = (selector) => Array.from(document.querySelectorAll(selector));
  const shown = () => $(".call").filter((one) => !one.hidden).length;
  const search = document.getElementById("search");
  const type = (text) => { search.value = text; search.dispatchEvent(new Event("input", {bubbles: true})); };
  const press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
  const result = {all: shown(), calls: $(".call").length, count: document.getElementById("count").textContent};
  document.body.tabIndex = -1;
  press("/");
  result.slash_focuses = document.activeElement === search;
  type("SEARCHED");
  result.searched = shown();
  result.open_modules = $(".module").filter((one) => one.open && !one.hidden).length;
  result.count_searched = document.getElementById("count").textContent;
  type("no such thing at all");
  result.nothing = shown();
  press("Escape");
  result.escaped = shown();
  result.states = $(".tools input[type=checkbox]").map((one) => one.value);
  const box = $(".tools input[type=checkbox]")[0];
  box.click();
  result.without_first = shown();
  box.click();
  document.getElementById("open-all").click();
  result.all_open = $(".module").every((one) => one.open);
  document.getElementById("close-all").click();
  result.closed = $(".module").filter((one) => one.open).length;
  document.getElementById("open-all").click();
  const stops = $(".tree summary");
  stops[0].focus();
  press("ArrowDown");
  result.arrow_moves = document.activeElement === stops[1];
  const call = $(".call")[0], was = call.open;
  call.querySelector("summary").click();
  result.call_toggles = call.open !== was;
  result.papers = [];
  const theme = document.getElementById("theme");
  for (let i = 0; i < 3; ++i) {
    theme.click();
    result.papers.push(theme.textContent + " " + getComputedStyle(document.body).backgroundColor);
  }
  result.wider_than_window = document.documentElement.scrollWidth > window.innerWidth;
  result.troubles = troubles;
  result.title = document.title;
  const place = document.createElement("pre");
  place.id = "driver";
  place.textContent = JSON.stringify(result);
  document.body.replaceChildren(place);
})();
</script>"""


class Outline(html.parser.HTMLParser):
    """Checks that elements close in order, and collects what would load something."""
    VOID = {"meta", "input", "br", "link", "img"}

    def __init__(self):
        super().__init__()
        self.open, self.loads, self.text = [], [], ""

    def handle_starttag(self, tag, attributes):
        if tag not in self.VOID:
            self.open.append(tag)
        self.loads += [(tag, name) for name, _ in attributes if name in ("src", "href", "action", "data", "srcset")]
        self.loads += [(tag, name) for name, _ in attributes if name.startswith("on")]

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (tag, self.open)
        self.open.pop()

    def handle_data(self, data):
        self.text += data


class Page(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        shutil.copytree(FILES, self.folder.name, dirs_exist_ok=True)
        self.addCleanup(self.folder.cleanup)

    def export(self, status, *arguments):
        run = subprocess.run([TORCH2NNEF, *arguments, "--report", "report.html"], cwd=self.folder.name,
                             capture_output=True, text=True, timeout=300)
        self.assertEqual(run.returncode, status, run.stderr)
        text = (pathlib.Path(self.folder.name) / "report.html").read_text()
        outline = Outline()
        outline.feed(text)
        self.assertEqual((outline.open, outline.loads), ([], []))
        self.assertNotIn("//", re.sub(r"<script>.*</script>", "", text, flags=re.S).replace("data://", ""))
        return text, outline.text

    def drive(self, text, searched):
        place = pathlib.Path(self.folder.name) / "driven.html"
        driver = DRIVER.replace("SEARCHED", searched)
        place.write_text(text.replace("<style>", WATCH + "<style>", 1).replace("</body>", driver + "</body>"))
        run = subprocess.run([BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1200,900",
                              f"--user-data-dir={self.folder.name}/profile", "--virtual-time-budget=5000", "--dump-dom",
                              place.as_uri()], capture_output=True, text=True, timeout=120)
        found = re.search(r'<pre id="driver">(.*?)</pre>', run.stdout, flags=re.S)
        self.assertTrue(found, run.stderr[-2000:])
        result = json.loads(html.unescape(found[1]))
        self.assertEqual(result["troubles"], [])
        for what in ("slash_focuses", "all_open", "arrow_moves", "call_toggles"):
            self.assertTrue(result[what], what)
        self.assertEqual((result["nothing"], result["closed"], result["wider_than_window"]), (0, 1, False))
        self.assertEqual(result["all"], result["calls"])
        self.assertEqual(result["escaped"], result["all"])
        self.assertEqual(result["count"], f"{result['all']} of {result['all']} calls")
        self.assertTrue(0 < result["searched"] < result["all"], result)
        self.assertEqual(result["count_searched"], f"{result['searched']} of {result['all']} calls")
        papers = dict(one.rsplit(" rgb", 1) for one in result["papers"])
        self.assertNotEqual(papers["Theme: light"], papers["Theme: dark"])
        return result

    def test_an_export(self):
        text, words = self.export(0, MODELS / "digits.pt", "--inputs", MODELS / "digits.inputs.npz", "-o", "d.nnef.tgz",
                                  "--dynamic-axes", "image:0=N")
        for word in ("features", "batch_norm", "float32[N,16,8,8]", "make_demo.py:41", "torch.nn.modules.conv.Conv2d",
                     "in graph.nnef", "output = linear"):
            self.assertIn(word, words)
        result = self.drive(text, "Relu features")
        self.assertIn("exported", result["states"])
        self.assertEqual(result["searched"], 3)

    def test_a_refusal_shows_what_is_unsupported(self):
        text, words = self.export(1, "unsupported.pt", "--input", "x:f32:3,3")
        self.assertIn("T2N-L002", words)
        result = self.drive(text, "aten::bincount")
        self.assertEqual((result["states"][0], result["searched"]), ("unsupported", 1))
        self.assertEqual(result["without_first"], result["all"] - text.count('data-state="unsupported"'))

    def test_a_refusal_while_recording(self):
        for model in ("branch.pt", "random.pt", "training.pt"):
            text, words = self.export(1, model, "--input", "x:f32:2,3")
            self.assertIn('data-state="unsupported"', text)
            self.assertIn("T2N-R00", words)

    def test_a_failed_check(self):
        _, words = self.export(3, "codes/double.pt", "--input", "x:f32:2,3=ones", "--tract", "codes/engine_that_is_wrong")
        self.assertIn("2.5 instead of 2", words)
        self.assertIn("first to differ", words)

    def test_what_is_no_model(self):
        _, words = self.export(1, "text.pt")
        self.assertIn("is not a TorchScript archive", words)

    def test_names_of_a_hostile_model(self):
        name = "<img src=q onerror=alert(1)>.pt"
        shutil.copy(FILES / "codes/notes.pt", pathlib.Path(self.folder.name) / name)
        text, words = self.export(0, name, "--input", "x:f32:4,3", "--check=none")
        self.assertIn(name, words)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
