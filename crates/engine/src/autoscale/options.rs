//! What a pool says otherwise than its cluster's profile, by its Azure tags (aks-semantics 8 row 2).
//!
//! The names are those that cluster-autoscaler's Azure provider reads off a scale set, so `az aks nodepool add --tags` and Terraform can
//! set them: [`PREFIX`] and the option in lower case. A value that cannot be read is passed over, as there. Upstream knows four of the
//! options on Azure and the provision time on other clouds; `nodelane-autoscaler` on the cluster chooses the strategy.

use super::profile::{Profile, Strategy, go_duration};
use nodelane_model::pool::PoolSpec;
use nodelane_model::{Cluster, Name};
use std::borrow::Cow;

/// What the tags of a pool's options begin with.
pub const PREFIX: &str = "k8s.io_cluster-autoscaler_node-template_autoscaling-options_";
/// The tag of a cluster that names its strategy: `aks` or `better`.
pub const STRATEGY_TAG: &str = "nodelane-autoscaler";

/// A cluster's profile; `fallback` where the cluster names no strategy.
pub fn of_cluster(cluster: &Cluster, fallback: Strategy) -> Profile {
    let named = cluster.spec.tags.get(STRATEGY_TAG).and_then(|name| Strategy::from_name(name));
    Profile::read(&cluster.spec.auto_scaler_profile, named.unwrap_or(fallback))
}

/// The profile as it holds for a pool.
pub fn of_pool<'a>(profile: &'a Profile, pool: &PoolSpec) -> Cow<'a, Profile> {
    let mut own = Cow::Borrowed(profile);
    for (tag, value) in &pool.tags {
        if let Some(option) = option_of(tag) {
            set(own.to_mut(), &option, &value.to_lowercase());
        }
    }
    own
}

/// The option that a tag sets, in lower case.
fn option_of(tag: &Name) -> Option<String> {
    let lower = tag.to_lowercase();
    lower.strip_prefix(PREFIX).map(str::to_owned)
}

fn set(profile: &mut Profile, option: &str, value: &str) {
    let share = |place: &mut f64| *place = value.parse().ok().filter(|share| (0.0..=1.0).contains(share)).unwrap_or(*place);
    let time = |place: &mut i64| *place = go_duration(value).unwrap_or(*place);
    match option {
        "scaledownutilizationthreshold" => share(&mut profile.scale_down_utilization_threshold),
        "scaledowngpuutilizationthreshold" => share(&mut profile.scale_down_gpu_utilization_threshold),
        "scaledownunneededtime" => time(&mut profile.scale_down_unneeded_millis),
        "scaledownunreadytime" => time(&mut profile.scale_down_unready_millis),
        "maxnodeprovisiontime" => time(&mut profile.max_node_provision_millis),
        "ignoredaemonsetsutilization" => {
            profile.ignore_daemonsets_utilization = value.parse().unwrap_or(profile.ignore_daemonsets_utilization);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_a_pool_go_before_the_clusters_profile() {
        let profile = Profile::default();
        let mut pool = PoolSpec::default();
        assert!(matches!(of_pool(&profile, &pool), Cow::Borrowed(_)));
        for (option, value) in
            [("ScaleDownUnneededTime", "2m0s"), ("scaledownutilizationthreshold", "0.7"), ("scaledownunreadytime", "soon"), ("other", "1")]
        {
            pool.tags.insert(format!("{PREFIX}{option}").into(), value.into());
        }
        let own = of_pool(&profile, &pool);
        assert_eq!((own.scale_down_unneeded_millis, own.scale_down_utilization_threshold), (120_000, 0.7));
        assert_eq!(own.scale_down_unready_millis, profile.scale_down_unready_millis);
    }

    #[test]
    fn a_clusters_tag_chooses_the_strategy() {
        let mut cluster = Cluster::default();
        assert_eq!(of_cluster(&cluster, Strategy::Aks).strategy, Strategy::Aks);
        assert_eq!(of_cluster(&cluster, Strategy::Better).strategy, Strategy::Better);
        cluster.spec.tags.insert(STRATEGY_TAG.into(), "better".into());
        assert!(of_cluster(&cluster, Strategy::Aks).scale_down_delay_is_local);
    }
}
