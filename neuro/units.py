"""SI units as plain numbers: `20 * ms` is 0.02 seconds, `3.9 * uS` is 3.9e-6 siemens.

>>> from neuro.units import ms, uS
>>> 20 * ms
0.02
"""

s = 1.0
ms = 1e-3
us = 1e-6
ns = 1e-9
Hz = 1.0
kHz = 1e3
V = 1.0
mV = 1e-3
A = 1.0
mA = 1e-3
uA = 1e-6
nA = 1e-9
S = 1.0
mS = 1e-3
uS = 1e-6
nS = 1e-9
ohm = 1.0
kohm = 1e3
Mohm = 1e6
J = 1.0
uJ = 1e-6
nJ = 1e-9
pJ = 1e-12
fJ = 1e-15
W = 1.0
mW = 1e-3
uW = 1e-6
