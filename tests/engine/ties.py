"""What meets at one instant in one neuron: volleys (time, weight, receptor), parameters, and how it starts."""

from __future__ import annotations

END = 0.01 + 4e-3
"""When the refractory time of a spike at 0.01 s ends, s."""
TIES = {
    "inputs of one instant are summed first": ([(0.01, 5.0), (0.01, -4.5)], {}, None),
    "also when the sum is above threshold": ([(0.01, 0.6), (0.01, 0.6)], {}, None),
    "the inhibition may come first": ([(0.01, -4.5), (0.01, 5.0), (0.01, 1.0)], {}, None),
    "onto both receptors": (
        [(0.01, 0.5), (0.01, 0.5, 1), (0.01, 3.0, 2)],
        {"tau_syn": (None, None, 4e-3)},
        None,
    ),
    "exactly the threshold": ([(0.01, 1.0)], {}, None),
    "above threshold at the start": ([], {}, {"v": 1.5}),
    "at threshold at the start": ([], {}, {"v": 1.0}),
    "above threshold and ceiling at the start": ([], {"v_max": 1.0}, {"v": 1.5}),
    "a current that a start finds": ([], {"v_th": 0.5, "bias": 9.0, "refractory": 4e-3, "v_max": 0.5}, None),
    "subtraction, several times over": ([(0.01, 3.25)], {"reset": "subtract"}, None),
    "subtraction, exactly used up": ([(0.01, 3.0)], {"reset": "subtract"}, None),
    "subtraction, refractory": ([(0.01, 3.25)], {"reset": "subtract", "refractory": 4e-3}, None),
    "subtraction, refractory and a current": (
        [(0.01, 3.25), (0.012, 9.0, 1)],
        {"reset": "subtract", "refractory": 4e-3, "tau_syn": (None, 5e-3)},
        None,
    ),
    "lost while refractory": ([(0.01, 1.5), (0.012, 5.0)], {"refractory": 4e-3}, None),
    "counted at the end of the refractory time": ([(0.01, 1.5), (END, 1.0)], {"refractory": 4e-3}, None),
    "lost just before its end": ([(0.01, 1.5), (END - 1e-12, 1.5)], {"refractory": 4e-3}, None),
    "counted a rounding before its end": ([(0.01, 1.5), (END - 2.0**-57, 1.5)], {"refractory": 4e-3}, None),
    "counted just after its end": ([(0.01, 1.5), (END + 1e-12, 1.5)], {"refractory": 4e-3}, None),
    "summed at its end": ([(0.01, 1.5), (END, 1.5), (END, -1.0)], {"refractory": 4e-3}, None),
    "subtraction and an inhibition at its end": (
        [(0.01, 2.5), (END, -1.0)],
        {"reset": "subtract", "refractory": 4e-3},
        None,
    ),
    "subtraction leaves enough, and an inhibition comes at its end, onto one of two receptors": (
        [(0.01, 2.5), (END, -1.0)],
        {"reset": "subtract", "refractory": 4e-3, "tau_syn": (None, 5e-3)},
        None,
    ),
    "subtraction leaves enough, and more comes at its end, onto one of two receptors": (
        [(0.01, 2.5), (END, 1.0)],
        {"reset": "subtract", "refractory": 4e-3, "tau_syn": (None, 5e-3)},
        None,
    ),
    "onto the floor, and off at once": ([(0.01, -3.0), (0.011, 1.3)], {"v_min": -0.25}, None),
    "summed before the limits": (
        [(0.01, -3.0), (0.01, 3.5), (0.02, 0.7)],
        {"v_min": -0.25, "v_max": 2.0},
        None,
    ),
    "a ceiling at the threshold": ([(0.01, 3.0)], {"v_max": 1.0}, None),
    "a ceiling without a threshold": ([(0.01, 3.0)], {"v_th": None, "v_max": 0.999, "bias": 3.0}, None),
    "a ceiling and subtraction": ([(0.01, 3.0)], {"v_max": 1.5, "reset": "subtract"}, None),
    "a floor and subtraction": ([(0.01, 1.5)], {"v_min": 0.75, "v_rest": 0.8, "reset": "subtract"}, None),
    "two at one end": ([(0.01, 1.5), (0.01, 1.5), (0.02, 0.9), (0.02, 0.9)], {}, None),
}
