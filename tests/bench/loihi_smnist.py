"""Accuracy and speed of the published sequential MNIST network, on all test images or those of the chip run.

python -m tests.bench.loihi_smnist [--images N] [--without-ahp] [--spikes]

On all test images it fails unless the share of right answers, and the time, are what they should be.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import neuro as nr
from tests.reference import DATA
from tests.smnist import STEPS, chip_run, encode, load, network

DT = 1e-3
WANTED = "93.76 +- 0.05 % within 60 s of one core"


def classify(net, images, record):
    """Answers, and means over the images of synaptic events and of spikes of neurons (none if not recorded)."""
    program = nr.build_clocked(net, dt=DT)
    trials = ({"input": encode(image, DT)} for image in images)
    answers, events, spikes = [], 0, 0
    for recording in nr.run_batch(program, STEPS * DT, trials, record=record):
        answers.append(int(recording.state.v["readout"].argmax()))
        events += sum(recording.events.values())
        spikes += sum(len(recording.spikes.get(name, ())) for name in ("lif", "ahp"))
    return np.array(answers), events / len(images), spikes / len(images)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=10000, help="the first N of the test set")
    parser.add_argument("--without-ahp", action="store_true", help="leave the slow current away")
    parser.add_argument("--spikes", action="store_true", help="record spikes")
    given = parser.parse_args()
    weights, pixels, labels = load(DATA)
    net = network(*weights, DT, w_a=0 if given.without_ahp else 96)
    record = nr.Record(spikes=given.spikes)
    classify(net, pixels[:1], record)  # compiles
    failed = False
    for name, pick in (("chip run's images", chip_run()), ("test images", np.arange(given.images))):
        began, cpu = time.perf_counter(), time.process_time()
        answers, events, spikes = classify(net, pixels[pick], record)
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
        right = int((answers == labels[pick]).sum())
        print(f"{len(pick)} {name}: {right} right, {100 * right / len(pick):.2f} %; {wall:.1f} s, {cpu:.1f} s of CPU")
        if name == "test images" and given.images == len(labels):
            share = right / len(labels)
            met = share < 0.25 if given.without_ahp else abs(share - 0.9376) <= 0.0005 and cpu <= 60.0
            print(f"  {'as' if met else 'NOT as'} it should be: " + ("< 25 %" if given.without_ahp else WANTED))
            failed = not met
        print(f"  an image: {events:.0f} synaptic events, {spikes:.0f} spikes, {1e3 * cpu / len(pick):.2f} ms of CPU")
    raise SystemExit(failed)


if __name__ == "__main__":
    main()
