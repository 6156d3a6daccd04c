#!/usr/bin/python
"""Documentation of the rollout action; the work is in plugins/action/rollout.py."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: rollout
short_description: One stage of rolling the self-contained agent out
version_added: 1.1.0
description:
  - Sends, checks and puts into use a signed bundle of the agent; a POSIX shell is needed there.
  - A host on which the new agent gives no heartbeat goes back to the one before by itself.
options:
  stage:
    description: C(gate), C(check), C(send), C(enrol), C(switch), C(back), C(where) or C(settle).
    type: str
    required: true
  manifest:
    description: Manifest of the bundle; archive and signature lie beside it.
    type: path
    required: true
  public_key:
    description: Ed25519 public key (PEM) of who signed it.
    type: path
    required: true
  project:
    description: Folder of the playbooks; must be called C(playbooks).
    type: path
    required: true
  script:
    description: The script for the host.
    type: path
    required: true
  dest:
    description: Folder on the controller for one file a host; empty for each roll-out.
    type: path
    required: true
  base:
    description: Where the agent is installed on the host.
    type: str
    default: /opt/yunxun-agent
  wait_s:
    description: Seconds for the first heartbeat of the new agent.
    type: int
    default: 180
  most_lost:
    description: With more hosts than these without a heartbeat the waves halt.
    type: int
    default: 1
  canary:
    description: The host that must be upgraded before any other is touched.
    type: str
    default: ""
  cancel_file:
    description: A file that, once there, cancels before the next stage.
    type: path
  token:
    description: Enrolment token for hosts that have no identity yet.
    type: str
    default: ""
author:
  - The Yunxun authors (@yunxun)
"""

EXAMPLES = r"""
- name: Where is the agent
  yunxun.readiness.rollout:
    stage: where
    manifest: dist/yunxun-agent-0.1.0.manifest
    public_key: dist/signing.pub
    project: "{{ playbook_dir }}"
    script: "{{ playbook_dir }}/roles/rollout/files/rollout.sh"
    dest: /var/tmp/rollout-1
"""

RETURN = r"""
state:
  description: C(upgraded), C(as_it_was), C(went_back) or C(needs_hands).
  returned: stage settle
  type: str
reason:
  description: Version in use and its connection.
  returned: stage settle
  type: str
"""
