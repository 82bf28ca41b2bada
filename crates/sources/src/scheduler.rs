//! A scheduler's configuration: the file that kube-scheduler takes with `--config` (kubescheduler.config.k8s.io/v1), YAML or JSON.
//!
//! Read as strictly as there: a field or plugin that is not known is an error. What is known and cannot be done here is an error too,
//! never left out in silence. Fields about the process (leader election, clients, back-off, sampling of nodes) change no verdict and
//! are passed over: here all nodes are scored.
//!
//! Not here: what a configuration does (`place`). One profile is read; its filters keep upstream's order.

mod arguments;
mod plugins;

use arguments::Arguments;
use nodelane_place::Config;
use plugins::Plugins;
use serde::Deserialize;
use serde_json::Value;

/// Why a configuration cannot be taken: what is wrong, and where.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(String);

type Result<T> = std::result::Result<T, Invalid>;

fn invalid<T>(text: impl Into<String>) -> Result<T> {
    Err(Invalid(text.into()))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code, reason = "fields about the process are known, so that others are not")]
struct File {
    api_version: String,
    kind: String,
    #[serde(default)]
    profiles: Vec<Profile>,
    #[serde(default)]
    extenders: Vec<Value>,
    parallelism: Option<Value>,
    leader_election: Option<Value>,
    client_connection: Option<Value>,
    enable_profiling: Option<Value>,
    enable_contention_profiling: Option<Value>,
    percentage_of_nodes_to_score: Option<Value>,
    pod_initial_backoff_seconds: Option<Value>,
    pod_max_backoff_seconds: Option<Value>,
    delay_cache_until_active: Option<Value>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code, reason = "see File")]
struct Profile {
    scheduler_name: Option<String>,
    #[serde(default)]
    plugins: Plugins,
    #[serde(default)]
    plugin_config: Vec<PluginConfig>,
    percentage_of_nodes_to_score: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PluginConfig {
    name: String,
    #[serde(default)]
    args: Value,
}

/// The profile of a configuration file.
///
/// # Errors
/// What is wrong with it, or what of it cannot be done here.
pub fn scheduler_config(text: &str) -> Result<Config> {
    let file: File = serde_yaml_ng::from_str(text).map_err(|error| Invalid(format!("not a KubeSchedulerConfiguration: {error}")))?;
    if (file.api_version.as_str(), file.kind.as_str()) != ("kubescheduler.config.k8s.io/v1", "KubeSchedulerConfiguration") {
        return invalid(format!("{} {} is not kubescheduler.config.k8s.io/v1 KubeSchedulerConfiguration", file.api_version, file.kind));
    }
    if !file.extenders.is_empty() {
        return invalid("extenders: not supported, as they are asked over HTTP");
    }
    let profile = match file.profiles.len() {
        0 => Profile::default(),
        1 => file.profiles.into_iter().next().unwrap_or_default(),
        count => return invalid(format!("profiles: {count} of them, and one is supported")),
    };
    let mut config = Config::default();
    if let Some(name) = profile.scheduler_name.filter(|name| !name.is_empty()) {
        config.scheduler_name = name.into();
    }
    profile.plugins.apply(&mut config)?;
    for (at, plugin) in profile.plugin_config.iter().enumerate() {
        if profile.plugin_config[..at].iter().any(|other| other.name == plugin.name) {
            return invalid(format!("pluginConfig: {} is there twice", plugin.name));
        }
        Arguments::read(&plugin.name, &plugin.args)?.apply(&mut config)?;
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nodelane_place::{Plugin, Strategy};

    const HEAD: &str = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n";

    fn read(profile: &str) -> Result<Config> {
        scheduler_config(&format!("{HEAD}profiles: [{profile}]"))
    }

    #[test]
    fn an_empty_configuration_is_the_default_profile() {
        assert_eq!(scheduler_config(HEAD).unwrap(), Config::default());
        assert_eq!(
            scheduler_config(&format!("{HEAD}percentageOfNodesToScore: 5\nleaderElection: {{leaderElect: false}}")).unwrap(),
            Config::default()
        );
    }

    #[test]
    fn plugins_go_off_at_one_point_or_everywhere_and_weights_of_the_point_win() {
        let config = read(
            "{plugins: {multiPoint: {disabled: [{name: NodePorts}], enabled: [{name: ImageLocality, weight: 9}]}, \
            score: {disabled: [{name: TaintToleration}], enabled: [{name: NodeAffinity, weight: 7}]}}}",
        )
        .unwrap();
        assert_eq!(config.off.into_iter().collect::<Vec<_>>(), [Plugin::NodePorts]);
        assert_eq!((config.weights.image_locality, config.weights.taint_toleration, config.weights.node_affinity), (9, 0, 7));
        assert_eq!(config.weights.topology_spread, 2);
    }

    #[test]
    fn a_star_takes_all_and_what_is_enabled_beside_it_stays() {
        let config = read("{plugins: {score: {disabled: [{name: '*'}], enabled: [{name: NodeResourcesFit, weight: 3}]}}}").unwrap();
        assert_eq!((config.weights.node_resources_fit, config.weights.balanced_allocation, config.weights.node_affinity), (3, 0, 0));
        assert!(config.off.is_empty());
    }

    #[test]
    fn arguments_are_read_with_upstreams_defaults() {
        let config = read(
            "{pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: {type: RequestedToCapacityRatio, \
            resources: [{name: example.com/gpu, weight: 5}, {name: cpu}], requestedToCapacityRatio: {shape: [{utilization: 0, score: 0}, \
            {utilization: 100, score: 10}]}}, ignoredResourceGroups: [example.org]}}, {name: InterPodAffinity, args: {}}]}",
        )
        .unwrap();
        assert_eq!(config.strategy, Strategy::RequestedToCapacityRatio(vec![(0, 0), (100, 100)]));
        assert_eq!(config.fit_resources, [("example.com/gpu".into(), 5), ("cpu".into(), 1)]);
        assert_eq!(config.hard_pod_affinity_weight, 1);
    }

    #[test]
    fn what_is_unknown_or_cannot_be_done_is_named() {
        for (profile, words) in [
            ("{pluginz: {}}", "unknown field `pluginz`"),
            ("{plugins: {filter: {disabled: [{name: Nosuch}]}}}", "plugin \"Nosuch\" is not known"),
            ("{plugins: {filter: {enabled: [{name: NodePorts}]}}}", "plugins.filter: the order of filters cannot be changed"),
            ("{plugins: {filter: {disabled: [{name: VolumeBinding}]}}}", "VolumeBinding cannot be turned off here"),
            (
                "{plugins: {preFilter: {disabled: [{name: NodeAffinity}]}}}",
                "plugins.preFilter and plugins.filter disagree about NodeAffinity",
            ),
            ("{pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: {type: Best}}}]}", "unknown variant `Best`"),
            (
                "{pluginConfig: [{name: InterPodAffinity, args: {hardPodAffinityWeight: 101}}]}",
                "hardPodAffinityWeight: 101 is not in 0 to 100",
            ),
            (
                "{pluginConfig: [{name: PodTopologySpread, args: {defaultConstraints: [{maxSkew: 1, topologyKey: a, whenUnsatisfiable: ScheduleAnyway}]}}]}",
                "defaultingType: must be List",
            ),
            ("{pluginConfig: [{name: Nosuch, args: {}}]}", "plugin \"Nosuch\" is not known"),
            ("{}, {}", "profiles: 2 of them"),
        ] {
            let error = read(profile).unwrap_err().to_string();
            assert!(error.contains(words), "{profile}: {error}");
        }
        assert!(scheduler_config("kind: Pod\napiVersion: v1").unwrap_err().to_string().starts_with("v1 Pod is not"));
    }
}
