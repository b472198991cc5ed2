//! Medians and ratios.

/// `median (least-greatest)`.
pub fn spread(mut values: Vec<f64>, digits: usize) -> String {
    values.sort_by(f64::total_cmp);
    let (Some(least), Some(most)) = (values.first(), values.last()) else {
        return "-".to_owned();
    };
    let median = median(&values);
    format!("{median:.digits$} ({least:.digits$}-{most:.digits$})")
}

/// Of sorted values.
fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
}

/// The ratios of `theirs` to `ours`, round by round.
pub fn ratios(theirs: &[f64], ours: &[f64]) -> Vec<f64> {
    theirs.iter().zip(ours).map(|(theirs, ours)| theirs / ours).collect()
}

/// Bytes as MiB.
pub fn mib(bytes: usize) -> String {
    format!("{:.1}", bytes as f64 / f64::from(1 << 20))
}
