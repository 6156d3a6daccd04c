"""Names of the demo's websites; apart from what serves them, which needs dnspython."""

READY, MIXED, OLD = "portal.demo.test", "service.demo.test", "archive.demo.test"

SITES = (
    ("demo-portal", "政务门户（演示）", READY, "demo-zfb"),
    ("demo-service", "办事大厅（演示）", MIXED, "demo-dsj"),
    ("demo-archive", "档案查询（演示）", OLD, "demo-jyj"),
)
"""(code, name, host, unit of the demo's register)."""
