//! A lower bound of the price: the linear program over sizes, by its dual.
//!
//! Whatever the machines are, together they have at least what is asked for, so unit prices under which no template is worth more than it
//! costs price the demand from below. Pods that must each have a machine of their own ask for as many slots. The simplex method only
//! proposes unit prices; they are shrunk until they hold for every template, so that rounding cannot make the bound too high.

/// A bound, and the unit prices that prove it.
#[derive(Clone, Debug, Default)]
pub(super) struct Bound {
    pub nano_usd: i64,
    /// Nano US dollars by unit of each amount; the last is that of a machine's slot.
    pub unit: Vec<f64>,
}

/// Pivots at most; the program has as many rows as amounts, and each takes a handful.
const PIVOT_LIMIT: usize = 400;

/// `rooms` and `prices` by template, and what is asked for in the same units.
pub(super) fn bound(rooms: &[Vec<i64>], prices: &[i64], demand: &[i64]) -> Bound {
    let width = demand.len();
    // Scaled so that everything that is asked for is one.
    let scale: Vec<f64> = demand.iter().map(|amount| (*amount).max(1) as f64).collect();
    let mut rows: Vec<Vec<f64>> = rooms
        .iter()
        .zip(prices)
        .map(|(room, price)| room.iter().zip(&scale).map(|(room, scale)| *room as f64 / scale).chain([*price as f64]).collect())
        .collect();
    let mut gain: Vec<f64> = demand.iter().map(|amount| f64::from(u8::from(*amount > 0))).collect();
    // Column `c` stands for a unit price until it is swapped with a row.
    let mut column: Vec<Option<usize>> = (0..width).map(Some).collect();
    let mut basic: Vec<Option<usize>> = vec![None; rows.len()];
    for _ in 0..PIVOT_LIMIT {
        let Some(enter) = (0..width).filter(|at| gain[*at] > 1e-9).max_by(|a, b| gain[*a].total_cmp(&gain[*b])) else {
            break;
        };
        let ratio = |row: &Vec<f64>| row[width] / row[enter];
        let tight = (0..rows.len()).filter(|at| rows[*at][enter] > 1e-12);
        let Some(leave) = tight.min_by(|a, b| ratio(&rows[*a]).total_cmp(&ratio(&rows[*b]))) else {
            break;
        };
        pivot(&mut rows, &mut gain, leave, enter);
        std::mem::swap(&mut basic[leave], &mut column[enter]);
    }
    let mut unit = vec![0.0; width];
    for (row, of) in rows.iter().zip(&basic) {
        if let Some(of) = of {
            unit[*of] = row[width].max(0.0) / scale[*of];
        }
    }
    let worth = |room: &[i64]| room.iter().zip(&unit).map(|(room, unit)| *room as f64 * unit).sum::<f64>();
    let excess = rooms.iter().zip(prices).map(|(room, price)| if *price > 0 { worth(room) / *price as f64 } else { 1.0 });
    let shrink = excess.fold(1.0, f64::max) * (1.0 + 1e-12);
    unit.iter_mut().for_each(|unit| *unit /= shrink);
    let nano_usd = demand.iter().zip(&unit).map(|(amount, unit)| *amount as f64 * unit).sum::<f64>() as i64;
    Bound { nano_usd, unit }
}

fn pivot(rows: &mut [Vec<f64>], gain: &mut [f64], leave: usize, enter: usize) {
    let by = rows[leave][enter];
    let mut row = std::mem::take(&mut rows[leave]);
    row.iter_mut().for_each(|value| *value /= by);
    row[enter] = 1.0 / by;
    for other in rows.iter_mut().filter(|other| !other.is_empty()) {
        let times = other[enter];
        if times != 0.0 {
            other.iter_mut().zip(&row).for_each(|(value, pivot)| *value -= times * pivot);
            other[enter] = -times / by;
        }
    }
    let times = gain[enter];
    gain.iter_mut().zip(&row).for_each(|(value, pivot)| *value -= times * pivot);
    gain[enter] = -times / by;
    rows[leave] = row;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_amount_is_priced_by_the_size_that_is_cheapest_for_it() {
        // 100 units; 10 for 30, 4 for 10: the second at 2.5 a unit.
        let found = bound(&[vec![10], vec![4]], &[30, 10], &[100]);
        assert!((249..=250).contains(&found.nano_usd), "{found:?}");
    }

    #[test]
    fn a_mix_of_two_sizes_is_priced_by_both() {
        // x of (4, 1) and y of (1, 4) at 5 each cover (50, 50) with x = y = 10.
        let found = bound(&[vec![4, 1], vec![1, 4]], &[500, 500], &[50, 50]);
        assert!((9_999..=10_000).contains(&found.nano_usd), "{found:?}");
    }

    #[test]
    fn slots_count_where_pods_need_machines_of_their_own() {
        // Ten machines of at least (1 unit, 1 slot) at 3, though one of (100 units, 1 slot) at 100 would hold the amount.
        let found = bound(&[vec![1, 1], vec![100, 1]], &[3, 100], &[10, 10]);
        assert!((29..=30).contains(&found.nano_usd), "{found:?}");
    }
}
