//! The simulated outside world: cloud, kubelets, faults.
