"""Random worlds for two schedulers at once: ours and the real plugins, with what they disagree about made small."""
