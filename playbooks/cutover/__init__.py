"""Cut-overs: plans of hosts, what the marks on a host mean, and network gear with trial commits."""
