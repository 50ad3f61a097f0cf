//! What the operating system asks a running program to do: stop (SIGTERM, SIGINT) or reload (SIGHUP).
//!
//! Key type: [`Signals`]. Where there are no such signals, nothing is ever asked and the system ends the program itself.

use std::io;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM or SIGINT: come to an end.
    Stop,
    /// SIGHUP: read the configuration again.
    Reload,
}

/// The signals of this process, from the moment this was made.
#[derive(Debug)]
pub struct Signals {
    inner: system::Inner,
}

impl Signals {
    /// From now on signals are kept for [`Signals::wait`] instead of ending the process.
    pub fn take() -> io::Result<Self> {
        Ok(Self { inner: system::Inner::take()? })
    }

    /// Blocks until something is asked. Several requests of one kind before a call are one; a stop comes before a reload.
    pub fn wait(&mut self) -> Signal {
        self.inner.wait()
    }
}

#[cfg(unix)]
mod system {
    use std::io::{self, Read};
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

    use super::Signal;

    #[derive(Debug)]
    pub(super) struct Inner {
        /// Becomes readable with each signal.
        bell: UnixStream,
        stop: Arc<AtomicBool>,
        reload: Arc<AtomicBool>,
    }

    impl Inner {
        pub(super) fn take() -> io::Result<Self> {
            let (bell, ringer) = UnixStream::pair()?;
            let inner = Self { bell, stop: Arc::default(), reload: Arc::default() };
            for (signal, asked) in [(SIGTERM, &inner.stop), (SIGINT, &inner.stop), (SIGHUP, &inner.reload)] {
                // In this order: who hears the bell finds the flag set.
                signal_hook::flag::register(signal, Arc::clone(asked))?;
                signal_hook::low_level::pipe::register(signal, ringer.try_clone()?)?;
            }
            Ok(inner)
        }

        pub(super) fn wait(&mut self) -> Signal {
            loop {
                for (asked, signal) in [(&self.stop, Signal::Stop), (&self.reload, Signal::Reload)] {
                    if asked.swap(false, Ordering::SeqCst) {
                        return signal;
                    }
                }
                match self.bell.read(&mut [0; 64]) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    // The ringers live in the signal handlers, which are never taken away.
                    Ok(0) | Err(_) => return Signal::Stop,
                    Ok(_) => {}
                }
            }
        }
    }
}

#[cfg(not(unix))]
mod system {
    use std::io;

    use super::Signal;

    #[derive(Debug)]
    pub(super) struct Inner;

    impl Inner {
        pub(super) fn take() -> io::Result<Self> {
            Ok(Self)
        }

        pub(super) fn wait(&mut self) -> Signal {
            loop {
                std::thread::park();
            }
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_heard_once_and_a_stop_comes_first() {
        let mut signals = Signals::take().unwrap();
        for signal in [signal_hook::consts::SIGHUP, signal_hook::consts::SIGHUP, signal_hook::consts::SIGTERM] {
            signal_hook::low_level::raise(signal).unwrap();
        }
        assert_eq!((signals.wait(), signals.wait()), (Signal::Stop, Signal::Reload));
        signal_hook::low_level::raise(signal_hook::consts::SIGINT).unwrap();
        assert_eq!(signals.wait(), Signal::Stop);
    }
}
