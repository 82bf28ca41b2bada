//! Injected faults, read from their documents: what breaks, where, how often, until when.
//!
//! A fault hits by its id and a rate, so the same world fails the same way twice. Who is hit, and what follows, is for the rooms that
//! are hit: `sim` for machines and kubelets, `server-arm` for throttled calls. Not here: which faults may be set.

use crate::hash::Hash;
use crate::{Doc, Happening, Name, Rung, Time, Uid};
use serde_json::Value;

/// What breaks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum FaultKind {
    /// Machines cannot be allocated.
    Allocation,
    /// The quota is used up.
    Quota,
    /// Machines come and their nodes never register.
    NeverRegisters,
    /// Kubelets stop posting their nodes' status.
    NotReady,
    /// Machines take ten times as long to boot.
    SlowBoot,
    /// Spot machines are evicted.
    SpotEvict,
    /// Nothing can be allocated in a zone, and the kubelets in it fall silent.
    ZoneOut,
    /// The ARM API answers 429.
    ApiThrottle,
    /// What auto-repair asks of the cloud fails.
    RepairError,
    /// The platform is about to do something to machines, and says so before.
    ScheduledEvent,
}

impl FaultKind {
    /// All, as documents spell them.
    pub const ALL: [(&'static str, FaultKind); 10] = [
        ("allocation", FaultKind::Allocation),
        ("quota", FaultKind::Quota),
        ("never-registers", FaultKind::NeverRegisters),
        ("not-ready", FaultKind::NotReady),
        ("slow-boot", FaultKind::SlowBoot),
        ("spot-evict", FaultKind::SpotEvict),
        ("zone-out", FaultKind::ZoneOut),
        ("api-throttle", FaultKind::ApiThrottle),
        ("repair-error", FaultKind::RepairError),
        ("scheduled-event", FaultKind::ScheduledEvent),
    ];
    /// What breaks, for people.
    pub fn meaning(self) -> &'static str {
        match self {
            FaultKind::Allocation => "machines cannot be allocated",
            FaultKind::Quota => "the quota is used up",
            FaultKind::NeverRegisters => "machines come and their nodes never register",
            FaultKind::NotReady => "kubelets fall silent, and their nodes become NotReady",
            FaultKind::SlowBoot => "machines take long to boot",
            FaultKind::SpotEvict => "spot machines are evicted",
            FaultKind::ZoneOut => "a whole zone is lost: nothing comes there, its nodes fall silent",
            FaultKind::ApiThrottle => "the API answers 429",
            FaultKind::RepairError => "what auto-repair asks of the cloud fails",
            FaultKind::ScheduledEvent => "the platform is about to freeze, reboot, redeploy or delete machines, and says so before",
        }
    }
    /// Reads a document's word.
    pub fn from_word(word: &str) -> Option<FaultKind> {
        FaultKind::ALL.iter().find(|(known, _)| *known == word).map(|(_, kind)| *kind)
    }
}

/// A fault, as its document says.
#[derive(Clone, PartialEq, Debug)]
pub struct Fault {
    /// Its document's id.
    pub uid: Uid,
    /// What breaks.
    pub kind: FaultKind,
    /// Only in this pool; empty for all.
    pub pool: Name,
    /// Only in this zone; empty for all.
    pub zone: Name,
    /// Only this node; empty for all.
    pub node: Name,
    /// How many of a hundred cases are hit; 100 where the document does not say.
    pub rate_percent: u64,
    /// How many hits are left; `None` for no bound.
    pub left: Option<u64>,
    /// Since when.
    pub since: Time,
    /// When it ends by itself.
    pub until: Option<Time>,
    /// The rung of auto-repair that heals what a silent kubelet ails; `None` where none does.
    pub heals_by: Option<Rung>,
    /// What the platform is about to do; Freeze where the document does not say.
    pub event: Happening,
    /// How long before it happens that is said; `None` for Azure's notice.
    pub notice_seconds: Option<u64>,
}

impl Fault {
    /// Reads a document; `None` where it is no fault that this build knows.
    pub fn read(doc: &Doc) -> Option<Fault> {
        let spec = doc.as_opaque()?.get("spec")?;
        let text = |field: &str| spec.get(field).and_then(Value::as_str).unwrap_or_default();
        let number = |field: &str| spec.get(field).and_then(Value::as_u64);
        Some(Fault {
            uid: doc.meta.uid,
            kind: FaultKind::from_word(text("kind"))?,
            pool: text("pool").into(),
            zone: text("zone").into(),
            node: text("node").into(),
            rate_percent: number("rate").unwrap_or(100).min(100),
            left: number("count"),
            since: doc.meta.created,
            until: Time::parse(text("until")),
            heals_by: rung(text("healsBy")),
            event: Happening::from_word(text("event")).unwrap_or(Happening::Freeze),
            notice_seconds: number("noticeSeconds"),
        })
    }
    /// How long before it strikes the platform says so, in milliseconds.
    pub fn notice_millis(&self, happening: Happening) -> i64 {
        self.notice_seconds.map_or(happening.notice_millis(), |seconds| i64::try_from(seconds).unwrap_or(i64::MAX / 1000) * 1000)
    }
    /// Whether it may still hit: its time is not over, and hits are left.
    pub fn is_active(&self, now: Time) -> bool {
        self.until.is_none_or(|until| now < until) && self.left != Some(0)
    }
    /// Whether it concerns a machine.
    pub fn concerns(&self, machine: &str, pool: &str, zone: &str) -> bool {
        let fits = |wanted: &Name, is: &str| wanted.is_empty() || wanted == is;
        fits(&self.node, machine) && fits(&self.pool, pool) && fits(&self.zone, zone)
    }
    /// The lot of a case: the same for the same fault, name and number.
    pub fn lot(&self, name: &str, number: u32) -> u64 {
        Hash::new(self.uid.0 as u64).text(name).number(u64::from(number)).get()
    }
    /// Whether a case is among those that the rate hits.
    pub fn draws(&self, name: &str, number: u32) -> bool {
        self.lot(name, number) % 100 < self.rate_percent
    }
}

fn rung(word: &str) -> Option<Rung> {
    [Rung::Reboot, Rung::Reimage, Rung::Redeploy].into_iter().find(|rung| rung.word().eq_ignore_ascii_case(word))
}
