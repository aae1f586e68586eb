"""`python -m tests.report.pictures` makes the pictures of the HTML report in docs/images, in headless Chromium.

The report is that of 500 neurons with random synapses, their placement on a mesh, and what they cost there.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from selenium import webdriver

import neuro as nr
from neuro.units import Hz, ms
from tests.report.test_html_in_a_browser import CHROMIUM, DRIVER, FLAGS, all_drawn, until

IMAGES = Path(__file__).parents[2] / "docs" / "images"
PICTURES = {"report-light": (1280, 1500, False), "report-dark-narrow": (400, 1500, True)}
"""Width and height in pixels, and whether the system is dark."""


def report(path: Path) -> Path:
    """The report of one network, in a file."""
    net = nr.Network(seed=1)
    cells = nr.LIF(tau_m=20 * ms, v_th=1.0, tau_syn=(5 * ms, 10 * ms), refractory=2 * ms)
    exc = net.add(nr.Population("excitatory", 400, cells))
    inh = net.add(nr.Population("inhibitory", 100, cells))
    for source, weight, receptor in ((exc, 0.3, 0), (inh, -1.5, 1)):
        for target in (exc, inh):
            rule = nr.FixedProbability(0.1, weight=weight)
            net.connect(source, target, rule, delay=1.5 * ms, receptor=receptor)
    for population in (exc, inh):
        net.drive(population, nr.PoissonInput(rate=1000 * Hz, weight=0.35))
    record = nr.Record(v={"excitatory": [0, 1]})
    recording = nr.run(net, 0.5, seed=3, record=record)
    placement = nr.place(net, nr.mesh_chip(4, 4, neurons=64), traffic=recording, effort="fast")
    chip = nr.place(net, nr.load_chip("loihi_davies2018"), traffic=recording, effort="fast")
    bill = nr.account(recording, chip, dt=1 * ms)
    return nr.html_report(path, recording, bill, placement, title="Excitation and inhibition")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        options = webdriver.ChromeOptions()
        options.binary_location = str(CHROMIUM)
        for flag in (*FLAGS, f"--user-data-dir={folder}/profile"):
            options.add_argument(flag)
        page = report(Path(folder) / "report.html")
        browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
        try:
            for name, (width, height, dark) in PICTURES.items():
                size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
                browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
                scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
                browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
                browser.get(page.as_uri())
                until(lambda: all_drawn(browser))
                browser.execute_script("window.scrollTo(0, 0)")
                until(lambda: browser.execute_script("return window.scrollY === 0"))
                browser.save_screenshot(str(IMAGES / f"{name}.png"))
        finally:
            browser.quit()


if __name__ == "__main__":
    main()
