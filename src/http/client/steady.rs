//! A connection that asks the system for less: time-outs are not set anew for every microsecond that has passed, and a connection is
//! looked at once between two requests instead of twice.
//!
//! Key type: [`Steady`], which stands between the socket and TLS.

use std::fmt;

use ureq::unversioned::transport::time::Duration;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

/// Time-outs above a second are rounded up to a multiple of this, so that the usual ones are equal and set once. A read or write may end
/// so much later than it should.
const STEP: std::time::Duration = std::time::Duration::from_millis(100);
const EXACT_BELOW: std::time::Duration = std::time::Duration::from_secs(1);

/// Puts [`Steady`] around what was opened before it.
#[derive(Debug)]
pub(super) struct SteadyConnector;

impl<In: Transport> Connector<In> for SteadyConnector {
    type Out = Steady<In>;

    fn connect(&self, _: &ConnectionDetails, chained: Option<In>) -> Result<Option<Self::Out>, ureq::Error> {
        Ok(chained.map(|inner| Steady { inner, used: false }))
    }
}

/// A connection.
pub(super) struct Steady<In> {
    inner: In,
    /// Whether it was used since it was last asked whether it is open.
    used: bool,
}

impl<In: Transport> fmt::Debug for Steady<In> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl<In: Transport> Transport for Steady<In> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.used = true;
        self.inner.transmit_output(amount, rounded(timeout))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.used = true;
        self.inner.await_input(rounded(timeout))
    }

    /// Asked when it is given back after use, and again before it is used once more. Only the second time counts: what has come or
    /// has ended until then is seen by it too.
    fn is_open(&mut self) -> bool {
        std::mem::take(&mut self.used) || self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

fn rounded(mut timeout: NextTimeout) -> NextTimeout {
    if let Duration::Exact(exact) = timeout.after
        && exact > EXACT_BELOW
    {
        let steps = exact.as_nanos().div_ceil(STEP.as_nanos());
        timeout.after = Duration::Exact(STEP.saturating_mul(u32::try_from(steps).unwrap_or(u32::MAX)));
    }
    timeout
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration as Std;

    #[test]
    fn long_time_outs_are_rounded_up_and_short_ones_are_not() {
        for (millis, expected) in
            [(29_999.9, 30_000.0), (30_000.0, 30_000.0), (1_001.0, 1_100.0), (1_000.0, 1_000.0), (3.5, 3.5)]
        {
            let after = Duration::Exact(Std::from_secs_f64(millis / 1e3));
            let timeout = rounded(NextTimeout { after, ..NextTimeout::default() });
            assert_eq!(timeout.after, Duration::Exact(Std::from_secs_f64(expected / 1e3)), "{millis}");
        }
        let never = NextTimeout { after: Duration::NotHappening, ..NextTimeout::default() };
        assert_eq!(rounded(never).after, Duration::NotHappening);
    }
}
