"""How long hypothesis looks: NEURO_EXAMPLES=5000 for a night, 12 examples a law otherwise."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "engine",
    deadline=None,  # the first example of a run compiles the kernels
    max_examples=int(os.environ.get("NEURO_EXAMPLES", "12")),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("engine")
