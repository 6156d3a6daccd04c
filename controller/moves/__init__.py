"""迁网: departments' own networks, the projects that move them, who talks to whom, and plans."""
