//! Reads the page of metrics that Tidegate's admin listener shows.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};

use crate::http;

/// One page in the text format of Prometheus.
#[derive(Clone, Debug)]
pub struct Page(String);

impl Page {
    /// Scrapes an admin listener.
    ///
    /// # Errors
    /// When it does not answer with 200.
    pub fn read(admin: SocketAddr) -> Result<Self> {
        let answer = http::get(admin, "/metrics").context("cannot read the metrics")?;
        let status = answer.status;
        ensure!(
            status == 200,
            "/metrics: expected status 200, found {status}"
        );
        Ok(Self(answer.body))
    }

    /// The sum of a metric's series that have `label`, as it is written (`signal="traces"`; empty: all of them); 0 without
    /// any.
    #[must_use]
    pub fn sum(&self, metric: &str, label: &str) -> f64 {
        self.values(metric, label).sum()
    }

    /// How many series of that name there are.
    #[must_use]
    pub fn count(&self, metric: &str) -> usize {
        self.values(metric, "").count()
    }

    fn values<'a>(&'a self, metric: &'a str, label: &'a str) -> impl Iterator<Item = f64> + 'a {
        self.0.lines().filter_map(move |line| {
            let rest = line.strip_prefix(metric)?;
            let (labels, value) = rest.rsplit_once(' ')?;
            let is_metric = labels.is_empty() || labels.starts_with('{');
            let is_wanted = is_metric && labels.contains(label);
            is_wanted.then(|| value.parse().ok()).flatten()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_the_series_of_one_metric() {
        let page = Page(
            "# TYPE lost_total counter\n\
             lost_total{cause=\"queue full\",signal=\"traces\"} 3\n\
             lost_total{cause=\"shutdown\",signal=\"traces\"} 4.5\n\
             lost_total{cause=\"shutdown\",signal=\"logs\"} 100\n\
             lost_total_other{signal=\"traces\"} 1000\n\
             lag_seconds 0.25\n"
                .to_owned(),
        );
        assert_eq!(page.sum("lost_total", "signal=\"traces\""), 7.5);
        assert_eq!(page.sum("lost_total", ""), 107.5);
        assert_eq!(page.sum("lag_seconds", ""), 0.25);
        assert_eq!(page.sum("lost", ""), 0.0);
        assert_eq!(page.count("lost_total"), 3);
    }
}
