"""Frames per second of the HTML report's raster with 100,000 spikes, in headless Chromium without graphics hardware.

    python tests/bench/raster_frames.py [--frames 60] [--spikes 100000]

The plot is moved by the pointer, as a hand does, and by a new range of its axis, as the buttons do. A frame ends when
the browser asks for the next one.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from selenium import webdriver

import neuro as nr
from tests.report.test_html_in_a_browser import CHROMIUM, DRIVER, FLAGS

MOVE = """
const [way, frames, done] = arguments, plot = document.querySelector(".chart");
const [first, last] = plot._fullLayout.xaxis.range, width = (last - first) / 2, times = [];
const area = plot.querySelector(".nsewdrag"), box = area.getBoundingClientRect();
function pointer(kind, across) {
  const where = { clientX: box.left + box.width / 2 + across, clientY: box.top + box.height / 2, view: window };
  const event = new MouseEvent(kind, { bubbles: true, cancelable: true, button: 0, buttons: 1, ...where });
  (kind === "mousedown" ? area : document.querySelector(".dragcover") || document).dispatchEvent(event);
}
async function move() {
  await Plotly.relayout(plot, { dragmode: "pan", "xaxis.range": [first + width / 2, first + 1.5 * width] });
  if (way === "pointer") pointer("mousedown", 0);
  for (let n = 0; n < frames; n++) {
    const begun = performance.now(), phase = Math.sin(n / 10), left = first + (1 + phase) * width / 2;
    if (way === "pointer") pointer("mousemove", 40 * phase);
    else await Plotly.relayout(plot, { "xaxis.range": [left, left + width] });
    await new Promise(requestAnimationFrame);
    await new Promise((next) => setTimeout(next, 0));
    times.push(performance.now() - begun);
  }
  if (way === "pointer") pointer("mouseup", 0);
  done(times);
}
move();
"""


def main() -> None:
    """Print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--spikes", type=int, default=100_000)
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    spikes = nr.Spikes(rng.uniform(0, 10, given.spikes), rng.integers(0, 500, given.spikes))
    about = {"network": {"populations": {"cells": {"size": 500}}}}
    recording = nr.Recording({"cells": spikes}, {}, np.zeros(0), {}, 0.0, 10.0, about)
    with tempfile.TemporaryDirectory() as folder:
        page = nr.html_report(Path(folder) / "raster.html", recording)
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for flag in (*FLAGS, f"--user-data-dir={folder}/browser", "--window-size=1280,900"):
            options.add_argument(flag)
        browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
        try:
            browser.set_script_timeout(600)
            browser.get(page.as_uri())
            while not browser.execute_script("return document.querySelector('.chart').dataset.ready"):
                time.sleep(0.1)
            for way in ("pointer", "axis"):
                times = browser.execute_async_script(MOVE, way, given.frames)
                each = statistics.median(times)
                print(f"moved by {way:8} {each:6.1f} ms a frame, {1000 / each:5.1f} frames a second", flush=True)
        finally:
            browser.quit()


if __name__ == "__main__":
    main()
