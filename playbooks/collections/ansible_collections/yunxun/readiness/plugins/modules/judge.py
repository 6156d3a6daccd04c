#!/usr/bin/python
"""Judges facts bundles on the controller; pure Python, no target."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: judge
short_description: Judge facts bundles by rules and target profiles
version_added: 1.0.0
description:
  - Reads bundles, judges them and writes C(report.json), C(report.txt) and C(report.html).
  - The result holds totals and paths only.
options:
  project:
    description: Folder of the playbooks; must be called C(playbooks).
    type: path
    required: true
  bundles:
    description: Host name and bundle file of each host.
    type: dict
    required: true
  failed:
    description: Hosts of which there is no bundle, and why.
    type: dict
    default: {}
  areas:
    description: Areas or groups of rules.
    type: list
    elements: str
    required: true
  profiles:
    description: Target profiles; C(all), or none at all.
    type: list
    elements: str
    default: []
  context:
    description: A JSON file with what a bundle cannot hold (plan, edges, window ...).
    type: path
  waivers:
    description: A JSON file of accepted findings.
    type: path
  dest:
    description: Folder for the reports.
    type: path
    required: true
  title:
    description: Title of the report.
    type: str
    required: true
author:
  - The Yunxun authors (@yunxun)
"""

EXAMPLES = r"""
- name: Judge
  yunxun.readiness.judge:
    project: "{{ playbook_dir }}"
    bundles:
      web01: /tmp/bundles/web01.json
    areas: [xinchuang]
    profiles: [kunpeng920-kylin-v10]
    dest: /tmp/report
    title: 信创适配检查
"""

RETURN = r"""
totals:
  description: Verdict, coverage, hosts by verdict, results by status, open blockers.
  returned: success
  type: dict
reports:
  description: Path of each report by its kind.
  returned: success
  type: dict
"""

import sys
from datetime import UTC, datetime
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule


def main():
    module = AnsibleModule(
        argument_spec={
            "project": {"type": "path", "required": True},
            "bundles": {"type": "dict", "required": True},
            "failed": {"type": "dict", "default": {}},
            "areas": {"type": "list", "elements": "str", "required": True},
            "profiles": {"type": "list", "elements": "str", "default": []},
            "context": {"type": "path"},
            "waivers": {"type": "path"},
            "dest": {"type": "path", "required": True},
            "title": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    given = module.params
    project = Path(given["project"]).resolve()
    if project.name != "playbooks" or not (project / "judge").is_dir():
        module.fail_json(msg=f"{project}: not the folder of these playbooks (called playbooks)")
    sys.path.insert(0, str(project.parent))
    # Only now can the judge be found; it needs Python 3.11 here, on the controller.
    from playbooks.judge.run_reports import RunError, judge_run

    try:
        totals, reports = judge_run(
            bundles=given["bundles"],
            failed=given["failed"],
            areas=given["areas"],
            profiles=given["profiles"],
            context=Path(given["context"]) if given["context"] else None,
            waivers=Path(given["waivers"]) if given["waivers"] else None,
            dest=Path(given["dest"]),
            title=given["title"],
            now=datetime.now(UTC),
        )
    except RunError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, totals=totals, reports=reports)


if __name__ == "__main__":
    main()
