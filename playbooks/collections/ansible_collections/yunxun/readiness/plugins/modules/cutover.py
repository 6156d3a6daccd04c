#!/usr/bin/python
"""Documentation of the cutover action; the work is in plugins/action/cutover.py."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: cutover
short_description: One stage of moving a host to its new addresses
version_added: 1.1.0
description:
  - Runs a stage of the cut-over over ssh with a POSIX shell on the host, no Python there.
  - The host rolls itself back when nobody confirms in time; its marks say what happened.
options:
  stage:
    description: >-
      C(check), C(backup), C(arm), C(apply), C(reach), C(verify), C(confirm), C(persist),
      C(give_up), C(take_back), C(where) or C(settle).
    type: str
    required: true
  hosts:
    description: Plan of each host.
    type: dict
    required: true
  id:
    description: Name of this cut-over, also of its folder on the hosts.
    type: str
    required: true
  project:
    description: Folder of the playbooks; must be called C(playbooks).
    type: path
    required: true
  scripts:
    description: Folder of the script's parts.
    type: path
    required: true
  dest:
    description: Folder on the controller for one journal a host.
    type: path
    required: true
  deadline_s:
    description: Seconds until the host takes an unconfirmed change back.
    type: int
    default: 300
  least_deadline_s:
    description: Least allowed deadline.
    type: int
    default: 120
  reach_s:
    description: Seconds to wait for the new address.
    type: int
    default: 60
  verify_s:
    description: Seconds within which every check must succeed.
    type: int
    default: 90
  cancel_file:
    description: A file that, once there, cancels before the next stage.
    type: path
  out_of_band:
    description: The inventory's address is another one than the address that changes.
    type: bool
    default: false
  reverse_of:
    description: Name of the confirmed cut-over that is taken back.
    type: str
    default: ""
  wait_s:
    description: How long C(where) waits for a host that is still on trial.
    type: int
    default: 0
author:
  - The Yunxun authors (@yunxun)
"""

EXAMPLES = r"""
- name: Where is the host now
  yunxun.readiness.cutover:
    stage: where
    hosts: "{{ cutover_hosts }}"
    id: wave-1
    project: "{{ playbook_dir }}"
    scripts: "{{ playbook_dir }}/roles/cutover/files"
    dest: /var/tmp/wave-1
"""

RETURN = r"""
state:
  description: C(unchanged), C(in_progress), C(confirmed), C(rolled_back) or C(needs_hands).
  returned: stages where and settle
  type: str
reason:
  description: Why.
  returned: stages where and settle
  type: str
to_do:
  description: What is left to do by hand.
  returned: stages where and settle
  type: str
checks:
  description: Each check after the change.
  returned: stages verify and settle
  type: list
"""
