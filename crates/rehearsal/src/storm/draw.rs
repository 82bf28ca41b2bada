//! From a seed to a script: how likely what is.
//!
//! Steps come in bursts: some within seconds of each other, so that they meet operations under way, some an hour later. Numbers are kept
//! small (at most twelve nodes and 150 pods) because small worlds meet each other's edges more often.

use super::script::{App, How, Lane, Put, Script, Sort, Step, What};
use nodelane_model::FaultKind;

/// Random numbers: splitmix64.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Dice of a seed.
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }
    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    /// A number below `bound`.
    pub fn below(&mut self, bound: u32) -> u32 {
        (self.roll() % u64::from(bound.max(1))) as u32
    }
    /// A number in `low..=high`.
    pub fn within(&mut self, low: u32, high: u32) -> u32 {
        low + self.below(high - low + 1)
    }
    /// Whether something of so many percent happens.
    pub fn chance(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }
    /// One of several.
    pub fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u32) as usize].clone()
    }
}

/// A day.
const HOURS: i64 = 24;
/// Machines of a pool, at most: four pools of three are twelve nodes.
const MACHINES: u32 = 3;
/// The script of a seed.
pub fn script(seed: u64) -> Script {
    let mut dice = Dice::new(seed);
    let lanes = lanes(&mut dice);
    let apps = apps(&mut dice, lanes.len());
    let mut steps = Vec::new();
    let (mut at, end) = (0_i64, HOURS * 3_600_000);
    while steps.len() < 400 {
        at += match dice.below(10) {
            0..5 => i64::from(dice.below(8_000)),
            5..8 => i64::from(dice.within(5_000, 300_000)),
            _ => i64::from(dice.within(300_000, 4_500_000)),
        };
        if at >= end {
            break;
        }
        steps.push(Step { at, what: what(&mut dice, lanes.len(), apps.len()) });
    }
    Script { seed, slow: dice.chance(35), sync_millis: i64::from(dice.one(&[0, 0, 5, 40])), hours: HOURS, lanes, apps, steps }
}

fn lanes(dice: &mut Dice) -> Vec<Lane> {
    let count = dice.within(2, 4) as usize;
    let minors = [33, 34, 34, 34];
    (0..count)
        .map(|index| {
            let system = index == 0 || dice.chance(15);
            let spot = !system && dice.chance(25);
            let missing = !system && dice.chance(20);
            Lane {
                name: ["system", "apps", "batch", "extra"][index].to_owned(),
                first: index == 0 || dice.chance(70),
                system,
                spot: if spot { dice.one(&["Delete", "Deallocate"]).to_owned() } else { String::new() },
                zones: if dice.chance(35) { 3 } else { 0 },
                count: dice.within(1, MACHINES),
                scaled: dice.chance(20).then(|| (1, dice.within(2, MACHINES + 1))),
                surge: if missing || spot { String::new() } else { dice.one(&["", "1", "2", "33%", "50%"]).to_owned() },
                missing: if missing { dice.one(&["1", "50%"]).to_owned() } else { String::new() },
                drain_minutes: dice.one(&[0, 5, 10]),
                soak_minutes: if dice.chance(20) { dice.within(1, 5) } else { 0 },
                quarantine: !missing && dice.chance(30),
                old_image: dice.chance(60),
                minor: dice.one(&minors),
                tainted: !system && dice.chance(15),
            }
        })
        .collect()
}

fn apps(dice: &mut Dice, lanes: usize) -> Vec<App> {
    let sorts = [Sort::Deployment, Sort::Deployment, Sort::Deployment, Sort::StatefulSet, Sort::DaemonSet, Sort::Job, Sort::Bare];
    (0..dice.within(2, 6))
        .map(|index| {
            let sort = dice.one(&sorts);
            let most = if sort == Sort::Deployment { 24 } else { 4 };
            App {
                name: format!("app{index}"),
                sort,
                replicas: dice.within(1, most),
                lane: dice.chance(70).then(|| dice.below(lanes as u32) as usize),
                cpu_milli: dice.one(&[50, 100, 250, 1_000]),
                priority: dice.one(&[0, 0, 0, 100]),
                budget: if dice.chance(65) { budget(dice) } else { String::new() },
                always_allow: dice.chance(30),
                ready_after_seconds: if dice.chance(25) { dice.within(5, 60) } else { 0 },
                grace_seconds: dice.one(&[0, 5, 30, 30]),
            }
        })
        .collect()
}

fn budget(dice: &mut Dice) -> String {
    dice.one(&["max 1", "max 1", "max 2", "max 25%", "max 0", "min 1", "min 2", "min 50%", "min 90%", "min 100%"]).to_owned()
}

fn what(dice: &mut Dice, lanes: usize, apps: usize) -> What {
    let lane = dice.below(lanes as u32) as usize;
    let app = dice.below(apps as u32) as usize;
    match dice.below(1_000) {
        0..300 => What::Put(lane, put(dice, lanes), how(dice)),
        300..350 => What::Image(lane),
        350..395 => What::Add(lane),
        395..425 => What::Delete(lane, dice.chance(30)),
        425..475 => What::Abort(lane),
        475..500 => What::Machines(lane, dice.below(8), dice.within(1, 2)),
        500..520 => What::Repeat,
        520..528 => What::StopCluster,
        528..545 => What::StartCluster,
        545..565 => What::UpgradeCluster(dice.chance(50)),
        565..570 => What::TagCluster(dice.below(100)),
        570..605 => What::Cordon(dice.below(64)),
        605..640 => What::Uncordon(dice.below(64)),
        640..670 => What::Drain(dice.below(64)),
        670..700 => What::Evict(dice.below(512)),
        700..720 => What::DeletePod(dice.below(512)),
        720..750 => What::Budget(app, if dice.chance(25) { String::new() } else { budget(dice) }),
        750..756 => What::Twin(app),
        756..790 => What::Scale(app, dice.below(25)),
        790..805 => What::Rollout(app),
        805..815 => What::Remove(app),
        815..835 => What::Create(app),
        835..925 => What::Fault(
            dice.one(&FaultKind::ALL).0.to_owned(),
            dice.chance(70).then_some(lane),
            dice.below(4),
            dice.one(&[30, 50, 100, 100]),
            dice.one(&[1, 1, 2, 5, 10, 20, 40]),
        ),
        925..940 => What::Clear,
        940..955 => What::Flaky(dice.one(&[20, 50, 90]), dice.within(1, 10)),
        955..970 => What::Full(dice.within(1, 120)),
        _ => What::Crash(dice.within(1, 60)),
    }
}

fn put(dice: &mut Dice, lanes: usize) -> Put {
    match dice.below(100) {
        0..12 => Put::Same,
        12..45 => Put::Count(dice.within(0, MACHINES)),
        45..68 => Put::Version,
        68..75 => Put::Label(dice.below(4)),
        75..79 => Put::Taint(dice.chance(50)),
        79..84 => Put::Settings(dice.below(lanes as u32) as usize),
        84..88 => Put::Stop,
        88..94 => Put::Start,
        94..96 => Put::Scaled(dice.within(0, 2), dice.within(2, MACHINES + 1)),
        96..98 => Put::Manual,
        _ => Put::System(dice.chance(50)),
    }
}

fn how(dice: &mut Dice) -> How {
    match dice.below(100) {
        0..60 => How::Plain,
        60..72 => How::Match,
        72..78 => How::OldMatch,
        78..84 => How::Stale,
        84..92 => How::Twice,
        _ => How::Race,
    }
}
