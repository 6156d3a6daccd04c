#!/usr/bin/python
"""Documentation of the collect action; the work is in plugins/action/collect.py."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: collect
short_description: Bring home a facts bundle of a host without Python on it
version_added: 1.0.0
description:
  - Sends C(collect.sh), runs it under C(sh) at low priority and fetches its bundle as a file.
  - The result holds path, SHA-256 and size, never the bundle.
options:
  script:
    description: The collector on the controller.
    type: path
    required: true
  dest:
    description: Where the bundle goes on the controller.
    type: path
    required: true
  asset:
    description: Name of the host in the inventory of assets.
    type: str
    required: true
  section_seconds:
    description: Time for one section.
    type: int
    default: 20
  total_seconds:
    description: Time for all sections.
    type: int
    default: 240
  section_bytes:
    description: Size of one section.
    type: int
    default: 262144
  directories:
    description: Folders of applications to look into besides the usual ones.
    type: list
    elements: str
    default: []
author:
  - The Yunxun authors (@yunxun)
"""

EXAMPLES = r"""
- name: Collect
  yunxun.readiness.collect:
    script: collect.sh
    dest: /tmp/bundles/web01.json
    asset: web01
"""

RETURN = r"""
path:
  description: The bundle on the controller.
  returned: success
  type: str
sha256:
  description: Digest of the bundle, the same on the target and here.
  returned: success
  type: str
bytes:
  description: Its size.
  returned: success
  type: int
"""
