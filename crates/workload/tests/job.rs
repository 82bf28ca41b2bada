//! Jobs and cron jobs: counts, retries, ends; schedules and what happens to missed times.
//!
//! Figures are those of the Kubernetes documentation (Job: backoff failure policy, TTL, completion modes; CronJob: concurrency policy,
//! limits). One test cuts a pass after every one of its writes.

mod support;

use nodelane_model::pod::{ContainerStatus, Phase};
use nodelane_model::{Key, Kind, Name, Time};
use nodelane_workload::delete;
use serde_json::{Value, json};
use support::Bench;

fn job(more: Value) -> Value {
    let template = json!({"spec": {"containers": [{"name": "c", "image": "i"}], "restartPolicy": "Never"}});
    let mut spec = json!({"template": template, "backoffLimit": 6, "completions": 1, "parallelism": 1});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"metadata": {"name": "work"}, "spec": spec})
}

fn active(bench: &Bench) -> Vec<Key> {
    let is = |pod: &nodelane_model::Doc| !pod.is_terminating() && !pod.as_pod().unwrap().status.is_terminal();
    bench.pods().into_iter().filter(|pod| is(pod)).map(|pod| pod.key.clone()).collect()
}

#[test]
fn a_job_runs_so_many_at_once_until_so_many_succeeded() {
    let mut bench = Bench::with_nodes(1);
    let key = bench.apply(Kind::Job, job(json!({"completions": 5, "parallelism": 2})));
    let mut ended = 0;
    while ended < 5 {
        bench.settle();
        assert_eq!(active(&bench).len(), 2.min(5 - ended));
        bench.kubelet();
        bench.end(&active(&bench)[0].clone(), true);
        ended += 1;
    }
    bench.settle();
    let doc = bench.json(&key);
    assert_eq!((&doc["status"]["succeeded"], &doc["status"]["active"]), (&json!(5), &Value::Null));
    assert_eq!(doc["status"]["completionTime"], bench.draft.now.to_string());
    let uid = bench.get(&key).meta.uid.to_string();
    assert_eq!(doc["spec"]["selector"], json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}));
    assert_eq!(bench.pods()[0].meta.labels["job-name"], "work");
    assert_eq!(bench.pods()[0].meta.labels["controller-uid"], uid);
    for kind in ["SuccessCriteriaMet", "Complete"] {
        assert_eq!(bench.condition(&key, kind)["message"], "Reached expected number of succeeded pods");
    }
    assert_eq!(bench.events(Kind::Job).last().unwrap(), &("Completed".into(), "Job completed".into()));
    assert!(bench.pods().iter().all(|pod| pod.meta.finalizers.is_empty()));
}

#[test]
fn failures_are_retried_after_10_20_40_seconds_and_six_minutes_at_most() {
    let mut bench = Bench::with_nodes(1);
    bench.apply(Kind::Job, job(json!({"backoffLimit": 9})));
    bench.settle();
    for delay in [10, 20, 40, 80, 160, 320, 360, 360] {
        bench.kubelet();
        bench.end(&active(&bench)[0].clone(), false);
        bench.settle();
        bench.pass(delay - 1);
        assert_eq!(active(&bench), [], "before {delay} s");
        bench.pass(1);
        assert_eq!(active(&bench).len(), 1, "after {delay} s");
    }
}

#[test]
fn a_job_fails_when_more_pods_failed_than_its_limit() {
    let mut bench = Bench::with_nodes(1);
    let key = bench.apply(Kind::Job, job(json!({"backoffLimit": 1, "parallelism": 2, "completions": 4})));
    bench.settle();
    bench.kubelet();
    let first = active(&bench);
    bench.end(&first[0], false);
    bench.pass(10);
    bench.kubelet();
    bench.end(&active(&bench)[0].clone(), false);
    bench.settle();
    assert_eq!(bench.condition(&key, "FailureTarget")["reason"], "BackoffLimitExceeded");
    assert_eq!(bench.condition(&key, "Failed"), Value::Null, "a pod still runs");
    bench.run();
    let failed = bench.condition(&key, "Failed");
    assert_eq!(
        (&failed["reason"], &failed["message"]),
        (&json!("BackoffLimitExceeded"), &json!("Job has reached the specified backoff limit"))
    );
    assert_eq!(bench.json(&key)["status"]["failed"], 3, "the pod that was cut short counts");
}

#[test]
fn restarts_in_place_count_towards_the_limit() {
    let mut bench = Bench::with_nodes(1);
    let mut doc = job(json!({"backoffLimit": 3}));
    doc["spec"]["template"]["spec"]["restartPolicy"] = "OnFailure".into();
    let key = bench.apply(Kind::Job, doc);
    bench.settle();
    bench.kubelet();
    let pod = active(&bench)[0].clone();
    for restarts in [2, 3] {
        assert_eq!(bench.condition(&key, "FailureTarget"), Value::Null);
        bench.draft.update(&pod, |doc| {
            doc.as_pod_mut().unwrap().status.container_statuses = vec![ContainerStatus { restart_count: restarts, ..Default::default() }];
        });
        bench.settle();
    }
    assert_eq!(bench.condition(&key, "FailureTarget")["reason"], "BackoffLimitExceeded");
}

#[test]
fn a_job_that_is_active_for_too_long_fails() {
    let mut bench = Bench::with_nodes(1);
    let key = bench.apply(Kind::Job, job(json!({"activeDeadlineSeconds": 60})));
    bench.settle();
    bench.kubelet();
    bench.pass(59);
    assert_eq!(bench.condition(&key, "FailureTarget"), Value::Null);
    bench.pass(1);
    bench.run();
    let failed = bench.condition(&key, "Failed");
    assert_eq!(
        (&failed["reason"], &failed["message"]),
        (&json!("DeadlineExceeded"), &json!("Job was active longer than specified deadline"))
    );
}

#[test]
fn an_indexed_job_works_off_its_indexes_in_order() {
    let mut bench = Bench::with_nodes(1);
    let key = bench.apply(Kind::Job, job(json!({"completionMode": "Indexed", "completions": 4, "parallelism": 2})));
    bench.settle();
    let index = |bench: &Bench, key: &Key| bench.get(key).meta.annotations["batch.kubernetes.io/job-completion-index"].to_string();
    let busy = |bench: &Bench| active(bench).iter().map(|key| index(bench, key)).collect::<Vec<_>>();
    assert_eq!(busy(&bench), ["0", "1"]);
    let pod = bench.json(&active(&bench)[1].clone());
    assert_eq!(pod["spec"]["hostname"], "work-1");
    assert_eq!(
        pod["spec"]["containers"][0]["env"][0]["valueFrom"]["fieldRef"]["fieldPath"],
        "metadata.labels['batch.kubernetes.io/job-completion-index']"
    );
    assert!(pod["metadata"]["name"].as_str().unwrap().starts_with("work-1-"));
    bench.kubelet();
    bench.end(&active(&bench)[1].clone(), true);
    bench.settle();
    assert_eq!(busy(&bench), ["0", "2"]);
    assert_eq!(bench.json(&key)["status"]["completedIndexes"], "1");
    while !active(&bench).is_empty() {
        bench.kubelet();
        bench.end(&active(&bench)[0].clone(), true);
        bench.settle();
    }
    let status = bench.json(&key)["status"].clone();
    assert_eq!((&status["completedIndexes"], &status["succeeded"]), (&json!("0-3"), &json!(4)));
}

#[test]
fn a_pod_is_counted_once_even_if_it_is_deleted_before_anyone_looks() {
    let mut bench = Bench::with_nodes(1);
    let key = bench.apply(Kind::Job, job(json!({"completions": 2})));
    bench.settle();
    bench.kubelet();
    let pod = active(&bench)[0].clone();
    bench.end(&pod, true);
    delete(&mut bench.draft, &pod, None, None);
    bench.settle();
    assert!(bench.draft.world.get(&pod).is_none());
    assert_eq!(bench.json(&key)["status"]["succeeded"], 1);
    assert_eq!(active(&bench).len(), 1);
}

#[test]
fn a_crash_between_any_two_writes_counts_no_pod_twice() {
    let mut bench = Bench::with_nodes(1);
    let key = bench.apply(Kind::Job, job(json!({"completions": 3, "parallelism": 3})));
    bench.settle();
    bench.kubelet();
    active(&bench).iter().for_each(|pod| bench.end(pod, true));
    let before = bench.draft.clone();
    let mut whole = before.clone();
    nodelane_workload::plan(&mut whole, 100);
    let writes = whole.writes[before.writes.len()..].to_vec();
    assert!(writes.len() >= 5, "an announcement, three finalizers, a count");
    for cut in 0..=writes.len() {
        let mut cell = Bench::new();
        cell.draft = before.clone();
        for write in &writes[..cut] {
            match &write.new {
                Some(doc) => drop(cell.draft.world.put(doc.clone())),
                None => drop(cell.draft.world.remove(&write.key, write.revision)),
            }
        }
        cell.settle();
        assert_eq!(cell.json(&key)["status"]["succeeded"], 3, "cut after {cut} writes");
    }
}

#[test]
fn a_suspended_job_has_no_pods_and_its_clock_starts_anew() {
    let mut bench = Bench::with_nodes(1);
    let key = bench.apply(Kind::Job, job(json!({"suspend": true})));
    bench.settle();
    assert_eq!(bench.pods().len(), 0);
    assert_eq!(bench.condition(&key, "Suspended")["message"], "Job suspended");
    bench.draft.now = bench.draft.now.plus(5000);
    bench.apply(Kind::Job, job(json!({})));
    bench.settle();
    assert_eq!(active(&bench).len(), 1);
    assert_eq!(bench.condition(&key, "Suspended")["reason"], "JobResumed");
    assert_eq!(bench.json(&key)["status"]["startTime"], bench.draft.now.to_string());
    bench.apply(Kind::Job, job(json!({"suspend": true})));
    bench.run();
    assert_eq!(bench.pods().len(), 0);
    assert_eq!(bench.json(&key)["status"]["failed"], Value::Null, "a suspended pod has not failed");
}

#[test]
fn a_finished_job_goes_with_its_pods_when_its_time_is_over() {
    let mut bench = Bench::with_nodes(1);
    let key = bench.apply(Kind::Job, job(json!({"ttlSecondsAfterFinished": 100})));
    bench.settle();
    bench.kubelet();
    bench.end(&active(&bench)[0].clone(), true);
    bench.settle();
    bench.pass(99);
    assert_eq!(bench.pods().len(), 1);
    bench.pass(1);
    assert!(bench.draft.world.get(&key).is_none() && bench.pods().is_empty());
}

fn cron(schedule: &str, more: Value) -> Value {
    let mut spec = json!({"schedule": schedule, "jobTemplate": {"metadata": {"labels": {"a": "b"}}, "spec": job(json!({}))["spec"]}});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"metadata": {"name": "tick"}, "spec": spec})
}

fn minutes(bench: &Bench) -> i64 {
    bench.draft.now.0 / 60_000
}

#[test]
fn a_cron_job_names_its_jobs_by_the_minute() {
    let mut bench = Bench::with_nodes(1);
    let key = bench.apply(Kind::CronJob, cron("*/5 * * * *", json!({})));
    bench.settle();
    assert_eq!(bench.list(Kind::Job).len(), 0);
    assert_eq!(bench.draft.world.work.next_deadline(), Some(support::START.plus(300_000)));
    bench.pass(299);
    assert_eq!(bench.list(Kind::Job).len(), 0);
    bench.pass(1);
    let name: Name = format!("tick-{}", minutes(&bench)).into();
    assert_eq!(bench.names(Kind::Job), std::slice::from_ref(&name));
    let job = bench.list(Kind::Job)[0].clone();
    assert_eq!(job.meta.labels["a"], "b");
    assert_eq!(job.meta.annotations["batch.kubernetes.io/cronjob-scheduled-timestamp"], "2026-01-01T00:05:00Z");
    assert_eq!(bench.json(&key)["status"]["active"][0]["name"], name.as_str());
    assert_eq!(bench.pods().len(), 1);
    bench.kubelet();
    bench.end(&active(&bench)[0].clone(), true);
    bench.settle();
    assert_eq!(bench.json(&key)["status"]["active"], Value::Null);
    let completed = format!("Saw completed job: {name}, condition: Complete");
    assert_eq!(
        bench.events(Kind::CronJob),
        [("SuccessfulCreate".into(), format!("Created job {name}").into()), ("SawCompletedJob".into(), completed.into())]
    );
}

#[test]
fn only_the_last_of_the_missed_times_is_made_up_for() {
    let mut bench = Bench::with_nodes(1);
    let key = bench.apply(Kind::CronJob, cron("* * * * *", json!({})));
    bench.settle();
    bench.pass(3 * 86_400 + 30);
    assert_eq!(bench.list(Kind::Job).len(), 1);
    assert_eq!(bench.json(&key)["status"]["lastScheduleTime"], "2026-01-04T00:00:00Z");
    assert_eq!(bench.events(Kind::CronJob)[0].0, "TooManyMissedTimes");
}

#[test]
fn a_time_that_is_missed_by_more_than_the_deadline_is_lost() {
    let mut bench = Bench::with_nodes(1);
    bench.apply(Kind::CronJob, cron("0 * * * *", json!({"startingDeadlineSeconds": 60})));
    bench.settle();
    bench.pass(3600 + 90);
    assert_eq!(bench.list(Kind::Job).len(), 0);
    bench.pass(3600 - 60);
    assert_eq!(bench.list(Kind::Job).len(), 1, "30 s late are not too late");
}

#[test]
fn the_concurrency_policy_decides_while_a_job_runs() {
    for (policy, jobs) in [("Allow", 2), ("Forbid", 1), ("Replace", 1)] {
        let mut bench = Bench::with_nodes(1);
        bench.apply(Kind::CronJob, cron("* * * * *", json!({"concurrencyPolicy": policy})));
        bench.settle();
        bench.pass(60);
        let first = bench.names(Kind::Job);
        bench.draft.now = bench.draft.now.plus(60_000);
        bench.settle();
        assert_eq!(bench.list(Kind::Job).len(), jobs, "{policy}");
        assert_eq!(bench.names(Kind::Job).contains(&first[0]), policy != "Replace", "{policy}");
    }
}

#[test]
fn finished_jobs_are_kept_as_the_history_limits_say() {
    let mut bench = Bench::with_nodes(1);
    bench.apply(Kind::CronJob, cron("* * * * *", json!({})));
    bench.settle();
    for n in 0..8 {
        bench.pass(60);
        bench.kubelet();
        let pod = active(&bench)[0].clone();
        if n % 2 == 0 {
            bench.end(&pod, true);
        } else {
            let owner = bench.get(&pod).meta.owners[0].name.clone();
            bench.draft.update(&Key::new(Kind::Job, "x", owner), |doc| doc.as_job_mut().unwrap().spec.backoff_limit = Some(0));
            bench.end(&pod, false);
        }
        bench.settle();
    }
    let kinds: Vec<String> =
        bench.list(Kind::Job).iter().flat_map(|job| job.as_job().unwrap().status.conditions.last().map(|c| c.kind.to_string())).collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "Complete").count(), 3);
    assert_eq!(kinds.iter().filter(|kind| *kind == "Failed").count(), 1);
}

#[test]
fn a_schedule_or_zone_that_is_not_understood_is_said_and_no_job_made() {
    for (doc, reason) in
        [(cron("* * * *", json!({})), "UnparseableSchedule"), (cron("* * * * *", json!({"timeZone": "Mars/Olympus"})), "UnknownTimeZone")]
    {
        let mut bench = Bench::with_nodes(1);
        bench.apply(Kind::CronJob, doc);
        bench.settle();
        assert_eq!(bench.events(Kind::CronJob)[0].0, reason);
        assert!(bench.list(Kind::Job).is_empty());
    }
}

#[test]
fn a_daily_job_runs_at_the_zones_midnight() {
    // Etc/GMT+5 is five hours west by POSIX's sign: midnight there is 05:00 UTC.
    let mut bench = Bench::with_nodes(1);
    bench.apply(Kind::CronJob, cron("@daily", json!({"timeZone": "Etc/GMT+5"})));
    bench.settle();
    assert_eq!(bench.draft.world.work.next_deadline(), Time::parse("2026-01-01T05:00:00Z"));
    assert_eq!(Phase::default(), Phase::Pending);
}
