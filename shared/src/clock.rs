//! A clock to wait by, which is never set back.
//!
//! The clocks of devices are set, by people and by network time. Whoever waits until a time of
//! such a clock waits for minutes more, or for years, once it was set back. So node and relay
//! reckon their waits and ages by this one, and use the device's to date what others read.

/// Goes on where the device's clock was set back, and follows it otherwise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SteadyClock {
    now_ms: u64,
    /// How far it is ahead of the device's: the sum of what that was set back by.
    ahead_ms: u64,
}

impl SteadyClock {
    /// A clock that agrees with the device's, which shows this time.
    pub(crate) fn new(device_ms: u64) -> Self {
        Self {
            now_ms: device_ms,
            ahead_ms: 0,
        }
    }

    /// Its time, now that the device's clock shows this one.
    pub(crate) fn advance(&mut self, device_ms: u64) -> u64 {
        let followed_ms = device_ms.saturating_add(self.ahead_ms);
        if followed_ms < self.now_ms {
            self.ahead_ms = self.now_ms.saturating_sub(device_ms);
        } else {
            self.now_ms = followed_ms;
        }
        self.now_ms
    }

    /// Its time when it was advanced last.
    pub(crate) fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// How far it is ahead of the device's.
    pub(crate) fn ahead_ms(&self) -> u64 {
        self.ahead_ms
    }

    /// What the device's clock shows at a time of this one.
    pub(crate) fn device_ms(&self, steady_ms: u64) -> u64 {
        steady_ms.saturating_sub(self.ahead_ms)
    }

    /// A time of this clock, for one of the device's.
    pub(crate) fn steady_ms(&self, device_ms: u64) -> u64 {
        device_ms.saturating_add(self.ahead_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::SteadyClock;

    #[test]
    fn it_goes_on_where_the_devices_clock_was_set_back() {
        let mut clock = SteadyClock::new(1_000);
        assert_eq!(clock.advance(1_500), 1_500);
        assert_eq!(clock.advance(900), 1_500, "set back by at least 600");
        assert_eq!(clock.advance(1_000), 1_600);
        assert_eq!(clock.device_ms(1_600), 1_000);
        assert_eq!(clock.steady_ms(1_000), 1_600);
        assert_eq!(clock.advance(5_000), 5_600, "set forward");
        assert_eq!(clock.advance(2_000), 5_600, "and back again");
        assert_eq!(clock.device_ms(5_700), 2_100);
    }
}
