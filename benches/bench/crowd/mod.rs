//! A crowd of hostile or slow clients: thousands of connections driven by one thread.
//!
//! What each connection does is a [`Manner`]; when it ends, for whatever reason, its place in the crowd opens the next one. The
//! crowd shares the processors with the server that it bothers, so it is paced and wakes at most once a millisecond. It judges
//! nothing: answers are read and thrown away, or left unread.

mod line;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};
use rustix::process::{Resource, Rlimit};

use self::line::Line;
pub(crate) use self::line::{Leave, Manner};

const TICK: Duration = Duration::from_millis(1);
/// What one connection may move before the others have their turn.
const TURN: usize = 64 << 10;
/// The crowd comes from this many addresses of 127.0.0.0/8, beside the one of decent clients, so that ports suffice.
const ADDRESSES: u64 = 32;

/// What the crowd did.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) connections: u64,
    pub(crate) sent: u64,
    pub(crate) read: u64,
}

/// Lets `size` clients at the server until `stop`. The manner of each connection is asked for with a number that counts up.
pub(crate) fn run(
    server: SocketAddr,
    size: usize,
    manner: impl Fn(u64) -> Manner,
    stop: &AtomicBool,
) -> io::Result<Tally> {
    let mut crowd = Crowd {
        server,
        manner,
        events: epoll::create(epoll::CreateFlags::CLOEXEC)?,
        places: (0..size).map(|_| Place::default()).collect(),
        due: BinaryHeap::new(),
        scratch: vec![0; TURN],
        tally: Tally::default(),
    };
    let start = Instant::now();
    // 5,000 new ones a second, so that the crowd has come in its first seconds.
    crowd.due.extend((0..size).map(|at| Reverse((start + Duration::from_micros(200 * at as u64), at, 0))));
    while !stop.load(Ordering::Relaxed) {
        crowd.turn()?;
    }
    Ok(crowd.tally)
}

/// Lets this process hold as many descriptors as it may.
pub(crate) fn raise_descriptors() {
    let maximum = rustix::process::getrlimit(Resource::Nofile).maximum;
    rustix::process::setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).ok();
}

struct Crowd<M> {
    server: SocketAddr,
    manner: M,
    events: OwnedFd,
    places: Vec<Place>,
    /// When which place has something to do, and the connection of it that is meant.
    due: BinaryHeap<Reverse<(Instant, usize, u32)>>,
    scratch: Vec<u8>,
    tally: Tally,
}

/// A place in the crowd, with a connection or without.
#[derive(Default)]
struct Place {
    line: Option<Line>,
    /// Counts the connections; what was noted for an earlier one is void.
    count: u32,
}

impl<M: Fn(u64) -> Manner> Crowd<M> {
    fn turn(&mut self) -> io::Result<()> {
        let mut ready = Vec::with_capacity(1024);
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        epoll::wait(&self.events, spare_capacity(&mut ready), Some(&now))?;
        let few = ready.len() < ready.capacity();
        for event in ready {
            let (flags, data) = (event.flags, event.data.u64());
            #[expect(clippy::cast_possible_truncation, reason = "two halves of one number")]
            let (at, count) = ((data >> 32) as usize, data as u32);
            if self.places[at].count == count {
                let over = flags.intersects(epoll::EventFlags::HUP | epoll::EventFlags::RDHUP | epoll::EventFlags::ERR);
                if over { self.end(at) } else { self.tend(at) }
            }
        }
        let now = Instant::now();
        while let Some(&Reverse((when, at, count))) = self.due.peek()
            && when <= now
        {
            self.due.pop();
            if self.places[at].count == count {
                self.fire(at, when);
            }
        }
        if few {
            std::thread::sleep(TICK);
        }
        Ok(())
    }

    fn fire(&mut self, at: usize, when: Instant) {
        let Some(line) = &mut self.places[at].line else {
            return self.open(at);
        };
        line.fired(when);
        self.tend(at);
    }

    fn open(&mut self, at: usize) {
        let number = self.tally.connections;
        self.tally.connections += 1;
        let manner = (self.manner)(number);
        let place = &mut self.places[at];
        let data = epoll::EventData::new_u64((at as u64) << 32 | u64::from(place.count));
        let Ok(stream) = connect(self.server, number, manner.small_window) else {
            return self.end(at);
        };
        let mut flags = epoll::EventFlags::OUT | epoll::EventFlags::RDHUP | epoll::EventFlags::ET;
        flags.set(epoll::EventFlags::IN, manner.reads);
        if epoll::add(&self.events, &stream, data, flags).is_err() {
            return self.end(at);
        }
        place.line = Some(Line::new(stream, manner));
    }

    /// The connection is over; its place opens another one after a while.
    fn end(&mut self, at: usize) {
        let place = &mut self.places[at];
        let pause = place.line.take().map_or(Duration::from_millis(100), |line| line.pause());
        place.count = place.count.wrapping_add(1);
        self.due.push(Reverse((Instant::now() + pause, at, place.count)));
    }

    /// Does what is to be done on a connection, and notes when there is more.
    fn tend(&mut self, at: usize) {
        let place = &mut self.places[at];
        let Some(line) = &mut place.line else { return };
        let now = Instant::now();
        let moved = line.read(&mut self.scratch).and_then(|read| Ok((read, line.write(now)?)));
        let Ok((read, sent)) = moved else {
            return self.end(at);
        };
        self.tally.read += read as u64;
        self.tally.sent += sent as u64;
        if line.leaves(now) {
            return self.end(at);
        }
        if let Some(next) = line.next(now, read.max(sent)) {
            self.due.push(Reverse((next, at, place.count)));
        }
    }
}

/// Begins to connect, from one of the crowd's own addresses.
fn connect(server: SocketAddr, number: u64, small_window: bool) -> io::Result<TcpStream> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    if small_window {
        sockopt::set_socket_recv_buffer_size(&socket, 4096)?;
    }
    sockopt::set_socket_reuseaddr(&socket, true)?;
    let own = Ipv4Addr::new(127, 0, 0, 2 + (number % ADDRESSES) as u8);
    rustix::net::bind(&socket, &SocketAddrV4::new(own, 0))?;
    match rustix::net::connect(&socket, &server) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => Ok(TcpStream::from(socket)),
        Err(error) => Err(error.into()),
    }
}
