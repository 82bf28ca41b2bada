//! `--scheduler-config` and `--kubernetes-version`: as which scheduler questions are answered.
//!
//! The configuration is kube-scheduler's own file; the release is that of the control plane, as one score is another since 1.36. Where no
//! release is given it is the cluster's that is asked about, and of objects without a cluster that of their newest kubelet.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use nodelane_place::Config;
use nodelane_sources::scheduler_config;

/// Flags that choose the scheduler.
#[derive(Debug, Default, clap::Args)]
pub struct Scheduler {
    /// Answer as a scheduler with this KubeSchedulerConfiguration, YAML or JSON [default: kube-scheduler's default profile]
    #[arg(long, value_name = "FILE")]
    scheduler_config: Option<PathBuf>,
    /// Answer as the scheduler of this Kubernetes version, such as 1.35 [default: that of the cluster, or of the newest kubelet]
    #[arg(long, value_name = "VERSION", value_parser = version)]
    kubernetes_version: Option<String>,
}

impl Scheduler {
    /// The configuration, of the newest release.
    pub fn config(&self) -> Result<Arc<Config>> {
        self.scheduler_config.as_deref().map_or(Ok(Arc::default()), read_config)
    }
    /// A configuration as the wanted release has it; else the one of the control plane or newest kubelet `found`.
    pub fn released(&self, config: &Arc<Config>, found: Option<&str>) -> Arc<Config> {
        config.of_release(self.kubernetes_version.as_deref().or(found).unwrap_or_default())
    }
}

/// The scheduler's configuration in a file.
pub fn read_config(file: &Path) -> Result<Arc<Config>> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    Ok(Arc::new(scheduler_config(&text).with_context(|| file.display().to_string())?))
}

fn version(text: &str) -> Result<String, String> {
    let numbers: Vec<&str> = text.trim_start_matches('v').split('.').collect();
    let is_version = (2..=3).contains(&numbers.len()) && numbers.iter().all(|number| number.parse::<u32>().is_ok());
    if is_version { Ok(text.to_owned()) } else { Err("a version is like 1.35 or 1.35.6".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nodelane_place::Balance;

    #[test]
    fn the_flag_wins_over_what_was_found() {
        let config = Arc::default();
        let asked = |flag: Option<&str>, found| {
            Scheduler { kubernetes_version: flag.map(str::to_owned), ..Scheduler::default() }.released(&config, found).balance
        };
        assert_eq!(asked(None, None), Balance::Change);
        assert_eq!(asked(None, Some("v1.34.9")), Balance::State);
        assert_eq!(asked(Some("1.36"), Some("v1.34.9")), Balance::Change);
    }

    #[test]
    fn what_is_no_version_is_refused() {
        assert!(version("v1.35.6").is_ok() && version("1.34").is_ok());
        for text in ["1", "latest", "1.x", "1.35.6.7", ""] {
            assert!(version(text).is_err(), "{text}");
        }
    }
}
