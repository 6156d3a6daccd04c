"""Cut-overs of approved plans: started as runs of readiness, watched host by host, taken back."""
