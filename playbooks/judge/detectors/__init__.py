"""Named detectors: what a rule file can ask for in ``detect.use``."""

from playbooks.judge.detectors import (
    artefacts,
    cloud,
    data,
    devices,
    network,
    plan,
    platform,
    products,
    site,
)
from playbooks.judge.detectors.base import Detector

DETECTORS: dict[str, Detector] = {
    **data.DETECTORS,
    **network.DETECTORS,
    **plan.DETECTORS,
    **devices.DETECTORS,
    **cloud.DETECTORS,
    **platform.DETECTORS,
    **artefacts.DETECTORS,
    **products.DETECTORS,
    **site.DETECTORS,
}

__all__ = ["DETECTORS", "Detector"]
